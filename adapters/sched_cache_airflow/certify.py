"""Compare the plugin with the Airflow that is installed here, on random DAGs and runs in a scratch database.

Every change of Airflow's behaviour that is planted has to be found, and every line of the pinned functions that a
scheduler can reach has to run. Otherwise, and if a decision differs, the command says what is missing and exits with 1.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping
from random import SystemRandom
from typing import Any, Final

from sched_cache.cli.failure import UsageError
from sched_cache.cli.progress import StatusLine
from sched_cache.clock import SystemClock
from sched_cache_airflow.certification.trial import Progress
from sched_cache_airflow.settings.section import PREFIX

EXAMPLES = """\
  sched-cache certify --scratch-url postgresql://airflow@db/scratch
  sched-cache certify --scratch-url postgresql://airflow@db/scratch --minutes 10 --seed 1
  sched-cache certify --scratch-url postgresql://airflow@db/scratch --resume
"""
_PROGRAM: Final = ("-m", "sched_cache_airflow.certify")
_MAX_SEED: Final = 10**9


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--scratch-url",
        metavar="URL",
        required=True,
        help="an empty database, which is empty again afterwards",
    )
    parser.add_argument("--minutes", metavar="N", type=float, default=5.0, help="the limit (default: 5)")
    parser.add_argument(
        "--seed", metavar="S", type=int, help="of the random DAGs (default: another one each time)"
    )
    parser.add_argument("--resume", action="store_true", help="go on with one that was interrupted")


def run(arguments: argparse.Namespace) -> int:
    from sched_cache_airflow.certification.child import migrate
    from sched_cache_airflow.certification.child import run as run_child
    from sched_cache_airflow.certification.scratch import Scratch
    from sched_cache_airflow.releases import host_version, release_of, supported

    version = host_version()
    if version is None:
        raise UsageError("Airflow is not installed here")
    if release_of(version) is None:
        print(f"Airflow {version} is not supported, only {supported()}")
        return 1
    from sched_cache_airflow.host_database.transactions import host_engine
    from sched_cache_airflow.settings.host_settings import host_database_url

    scratch = Scratch(arguments.scratch_url, host_database_url())
    scratch.claim(host_engine(), resumes=arguments.resume)
    line = StatusLine()
    line.note("creating the tables of Airflow")
    scratch.create(lambda: migrate(scratch.url))
    seed = SystemRandom().randrange(_MAX_SEED) if arguments.seed is None else arguments.seed
    progress = scratch.progress or {"seed": seed}
    line.note(f"seed {progress['seed']}")
    result: dict[str, Any] = {}

    def hear(said: Mapping[str, Any]) -> None:
        if "progress" in said:
            scratch.progress = said["progress"]
        if "note" in said:
            line.show(said["note"])
        result.update(said.get("result", {}))

    run_child(_PROGRAM, scratch.url, {"seconds": arguments.minutes * 60, "progress": progress}, hear)
    line.close("done")
    scratch.drop()
    return _report(result)


def _report(result: Mapping[str, Any]) -> int:
    for reason in result["refusals"]:
        print(f"refused: {reason}")
    for function, text, reason in result["unreachable"]:
        print(f"not demanded: {function}: {text}: {reason}")
    print(
        f"{result['n_loops']} loops, {result['n_found']} of {result['n_mutants']} mutants found, "
        f"{result['n_executed']} of {result['n_lines']} pinned lines executed, seed {result['seed']}"
    )
    return 1 if result["refusals"] else 0


def main() -> None:
    """The process of the trial: JSON on standard input, lines of JSON on standard output."""
    from sched_cache_airflow.certification.child import spoken

    given = json.load(sys.stdin)
    with spoken() as say:
        say({"result": _tried(Progress(**given["progress"]), given["seconds"], say)})


def _tried(progress: Progress, seconds: float, say: Callable[[Mapping[str, Any]], None]) -> dict[str, Any]:
    """The result of a trial with the Airflow of this process."""
    from sched_cache_airflow.certification.mutants import MUTANTS
    from sched_cache_airflow.certification.pinned_lines import lines_of_host
    from sched_cache_airflow.certification.trial import Subject, Trial
    from sched_cache_airflow.hosts.contract import DECISIONS
    from sched_cache_airflow.hosts.installed import host_process, runtime

    process = host_process()
    loops = process.host.loops  # imports the modules of the host
    process.uninstall()  # the next installation reads the options again
    os.environ[f"{PREFIX}ENABLED"] = "True"
    lines = lines_of_host(process.host.releases.pinned.decisions)
    trial = Trial(
        Subject(
            process,
            loops,
            trusted=lambda: runtime().fast_path.host_code.on_trial(),
            n_decided=lambda: int(runtime().fast_path.n_decided),
        ),
        lines,
        MUTANTS,
        progress,
        clock=SystemClock(),
        seconds=seconds,
        note=lambda text, done: say({"note": text, "progress": done.as_json()}),
    )
    doubt = process.host.vocabulary.doubt(DECISIONS)
    return {
        "refusals": [doubt] if doubt else trial.refusals(),
        "unreachable": [(*one, loops.unreachable[one.function][one.text]) for one in trial.unreachable()],
        "seed": progress.seed,
        "n_loops": progress.n_loops,
        "n_found": len(progress.found),
        "n_mutants": len(MUTANTS),
        "n_lines": lines.n_lines,
        "n_executed": lines.n_lines - len(lines.missing()),
    }


if __name__ == "__main__":
    main()

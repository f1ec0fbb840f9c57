"""Certify the plugin on the Airflow that is installed here, by comparing both on random DAGs and runs.

The comparison needs a scratch database. Every change of Airflow's behaviour that is planted has to be found, and every
line of the pinned functions that a scheduler can reach has to run. Otherwise, and if a decision differs, the command
says what is missing and exits with 1. The certificate is written into the plugin's tables, or into a file.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING, Any, Final

from sched_cache.cli.failure import UsageError
from sched_cache.cli.progress import StatusLine
from sched_cache.clock import SystemClock
from sched_cache_airflow.certificates.certificate import Bound, Certificate

if TYPE_CHECKING:  # `sched-cache --help` imports this module, and opens no database
    from sqlalchemy.engine import Dialect

    from sched_cache_airflow.certificates.table import CertificateTable
    from sched_cache_airflow.certification.trial import Progress
    from sched_cache_airflow.process.host_process import HostProcess

EXAMPLES = """\
  sched-cache certify --scratch-url postgresql://airflow@db/scratch
  sched-cache certify --scratch-url postgresql://airflow@db/scratch --minutes 10 --seed 1
  sched-cache certify --scratch-url postgresql://airflow@db/scratch --resume
  sched-cache certify --scratch-url postgresql://airflow@db/scratch --output /opt/airflow/certificate.json
  sched-cache certify --show
"""
_PROGRAM: Final = ("-m", "sched_cache_airflow.certify")
_MAX_SEED: Final = 10**9


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--scratch-url",
        metavar="URL",
        help="an empty database of the same kind and driver as the metadata database; it is empty again afterwards",
    )
    parser.add_argument("--minutes", metavar="N", type=float, default=5.0, help="the limit (default: 5)")
    parser.add_argument(
        "--seed", metavar="S", type=int, help="of the random DAGs (default: another one each time)"
    )
    parser.add_argument("--resume", action="store_true", help="go on with one that was interrupted")
    parser.add_argument(
        "--output",
        metavar="FILE",
        help="write the certificate into this file, for the option `certificate`, instead of the plugin's tables; "
        "needs no metadata database",
    )
    parser.add_argument(
        "--show",
        nargs="?",
        const="",
        metavar="FILE",
        help="only print the certificates in the plugin's tables, or the one in this file",
    )


def run(arguments: argparse.Namespace) -> int:
    from sched_cache_airflow.certification.scratch_database.child import migrate
    from sched_cache_airflow.certification.scratch_database.child import run as run_child
    from sched_cache_airflow.certification.scratch_database.scratch import Scratch
    from sched_cache_airflow.releases import host_version, release_of, supported

    if arguments.show is not None:
        return _show(arguments.show)
    if not arguments.scratch_url:
        raise UsageError("name an empty database: --scratch-url URL")
    version = host_version()
    if version is None:
        raise UsageError("Airflow is not installed here")
    if release_of(version) is None:
        print(f"Airflow {version} is not supported, only {supported()}")
        return 1
    from sched_cache_airflow.host_database.transactions import host_engine
    from sched_cache_airflow.settings.host_settings import host_database_url

    scratch = Scratch(arguments.scratch_url, host_database_url())
    if not arguments.output:
        _same_driver(arguments.scratch_url, host_engine().dialect)
    scratch.claim(host_engine(), resumes=arguments.resume, may_be_silent=bool(arguments.output))
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
    return _report(result, arguments.output)


def _same_driver(scratch_url: str, dialect: Dialect) -> None:
    from sqlalchemy.engine import make_url

    scratch = make_url(scratch_url).get_dialect()
    if (scratch.name, scratch.driver) != (dialect.name, dialect.driver):
        raise UsageError(
            f"the scratch database is used by {scratch.name}+{scratch.driver}, the metadata database by "
            f"{dialect.name}+{dialect.driver}: the certificate would be void"
        )


def _report(result: Mapping[str, Any], output: str | None) -> int:
    from sched_cache_airflow.certificates.evidence import lines_not_demanded

    for reason in result["refusals"]:
        print(f"refused: {reason}")
    for line in lines_not_demanded(result):
        print(line)
    print(
        f"{result['n_loops']} loops, {result['n_found']} of {result['n_mutants']} mutants found, "
        f"{result['n_executed']} of {result['n_lines']} pinned lines executed, seed {result['seed']}"
    )
    if result["refusals"]:
        return 1
    evidence = {name: value for name, value in result.items() if name != "bound"}
    evidence["certified_at"] = datetime.now(timezone.utc).isoformat(timespec="seconds")
    _keep(Certificate(Bound(**result["bound"]), evidence).text(), output)
    return 0


def _keep(text: str, output: str | None) -> None:
    """Writes a certificate into a file, or into the tables, and prints what was withdrawn there before."""
    if output:
        Path(output).write_text(text, encoding="utf-8")
        from sched_cache_airflow.settings.settings import SECTION

        print(f"the certificate is in {output}; name it in [{SECTION}] certificate")
        return
    from sched_cache_airflow.certificates.held import withdrawn_in_words

    with _table() as table:
        certificates, known = table.read()
        bound = Certificate.read(text).bound
        for name, earlier in certificates.items():
            withdrawal = known[name].withdrawal
            if withdrawal is not None and not earlier.bound.change(bound):
                words = withdrawn_in_words(withdrawal)
                print(f"of an earlier trial of this code, on {earlier.certified_at}: {words}")
        table.put(text)
        print("the certificate is in the tables of the plugin; schedulers use it within seconds")


@contextmanager
def _table() -> Iterator[CertificateTable]:
    """The table of certificates of the configured plugin."""
    from sched_cache.store.sql import SqlStore
    from sched_cache_airflow.certificates.table import CertificateTable, certificate_table
    from sched_cache_airflow.host_database.connections import as_host_connects
    from sched_cache_airflow.host_database.transactions import host_engine
    from sched_cache_airflow.settings.host_settings import strict_settings_of_host

    host_engine()
    config, connect = as_host_connects(strict_settings_of_host().config)
    store = SqlStore.configured(config, connect=connect)
    try:
        yield CertificateTable(certificate_table(config), store, create=config.create_tables)
    finally:
        store.close()


def _show(file: str) -> int:
    """Prints a certificate in a file, or those in the tables, the newest one first."""
    from sched_cache_airflow.certificates.evidence import shown
    from sched_cache_airflow.certificates.held import read_text
    from sched_cache_airflow.certificates.table import NOTHING, Known, id_of

    known: Mapping[str, Known]
    if file:
        try:
            text = read_text(file)
        except OSError as error:
            raise UsageError(f"{file}: {error.strerror}") from error
        certificates, known = {id_of(text): Certificate.read(text)}, {}
    else:
        with _table() as table:
            certificates, known = table.read()
    for name in sorted(certificates, key=lambda name: certificates[name].certified_at, reverse=True):
        for line in shown(certificates[name], known.get(name, NOTHING)):
            print(line)
    if not certificates:
        print("there is no certificate")
    return 0 if certificates else 1


def main() -> None:
    """The process of the trial: JSON on standard input, lines of JSON on standard output."""
    from sched_cache_airflow.certification.scratch_database.child import spoken
    from sched_cache_airflow.certification.trial import Progress

    given = json.load(sys.stdin)
    with spoken() as say:
        say({"result": _tried(Progress(**given["progress"]), given["seconds"], say)})


def _tried(progress: Progress, seconds: float, say: Callable[[Mapping[str, Any]], None]) -> dict[str, Any]:
    """The result of a trial with the Airflow of this process."""
    from sched_cache_airflow.certification.mutants import MUTANTS
    from sched_cache_airflow.certification.pinned_lines import lines_of_host
    from sched_cache_airflow.certification.trial import Subject, Trial
    from sched_cache_airflow.hosts.installed import host_process, runtime
    from sched_cache_airflow.settings.section import PREFIX

    process = host_process()
    loops = process.host.loops  # imports the modules of the host
    process.uninstall()  # the next installation reads the options again
    os.environ[f"{PREFIX}ENABLED"] = "True"
    bound = _bound(process)
    lines = lines_of_host(process.host.releases.pinned.deciding)
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
    return {
        "bound": bound if isinstance(bound, dict) else {},
        "refusals": [bound] if isinstance(bound, str) else trial.refusals(),
        "unreachable": [(*one, loops.unreachable[one.function][one.text]) for one in trial.unreachable()],
        "seed": progress.seed,
        "n_loops": progress.n_loops,
        "n_found": len(progress.found),
        "n_mutants": len(MUTANTS),
        "n_lines": lines.n_lines,
        "n_executed": lines.n_lines - len(lines.missing()),
    }


def _bound(process: HostProcess[Any]) -> dict[str, Any] | str:
    """Everything that the certificate is bound to; a reason if there cannot be one."""
    from sched_cache_airflow.certificates.bound import UnboundError, bound_in_process
    from sched_cache_airflow.hosts.installed import runtime

    process.install()
    try:
        code = runtime().fast_path.host_code
        obstacle: str = code.obstacle()
        return obstacle or asdict(bound_in_process(process.host.vocabulary, code.digests()))
    except UnboundError as error:
        return str(error)
    finally:
        process.uninstall()


if __name__ == "__main__":
    main()

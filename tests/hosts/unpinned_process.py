"""A process on a host whose pins are removed: the trial of a certificate with few demands, or a scheduler.

    python -m tests.hosts.unpinned_process trial | scheduler

A scheduler answers each line with its counts: `loop` is a loop, `share` sets the share that the burn-in compares,
`plant` makes the fast path miss every task instance that is ready, and `look` only asks.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from typing import Any

from sched_cache_airflow.patching.code_table import KnownCode

UNPINNED = "code of no release"


def main() -> None:
    unpinned: Any = lambda self, digests: UNPINNED if [*digests] else ""  # noqa: E731  # replaces a method
    KnownCode.doubt = unpinned  # type: ignore[method-assign]  # before Airflow is imported
    _try() if sys.argv[1] == "trial" else _schedule()


def _try() -> None:
    from sched_cache_airflow import certify
    from sched_cache_airflow.certification import mutants, trial
    from sched_cache_airflow.certification.pinned_lines import PinnedLines

    changed: Any = (mutants, trial, PinnedLines)
    changed[0].MUTANTS = mutants.MUTANTS[:1]
    changed[1].MIN_LOOPS = 20
    changed[2].missing = lambda lines: []
    certify.main()


def _schedule() -> None:
    from sched_cache_airflow.certificates import burn_in, held
    from sched_cache_airflow.fast_path.run_view import RunView
    from sched_cache_airflow.hosts.installed import host_process, runtime
    from sched_cache_airflow.sharing import maintenance

    changed: Any = (burn_in, held, maintenance, RunView)
    changed[1].LOOK_SECONDS = changed[2]._POLL_SECONDS = 0.3
    host_process().install()
    host_name = host_process().host.releases.name
    scheduler: Any = import_module(f"tests.{host_name}.support.scheduler").Scheduler()
    scheduler.executor.parallelism = 0
    state = runtime()
    state.maintenance.start()
    for line in sys.stdin:
        asked = json.loads(line)
        if "share" in asked:
            changed[0].FIRST_SHARE = changed[0].LAST_SHARE = asked["share"]
        if "plant" in asked:
            changed[3].asked = lambda *_: []
        if "loop" in asked:
            scheduler.loop()
        fast_path = state.fast_path
        answer = {
            "decided": fast_path.n_decided,
            "compared": fast_path.shadow.n_compared,
            "reason": state.certificate.reason,
            "fallbacks": dict(state.stats.fallbacks),
        }
        sys.__stdout__.write(json.dumps(answer) + "\n")  # type: ignore[union-attr]  # a process has one
        sys.__stdout__.flush()  # type: ignore[union-attr]


if __name__ == "__main__":
    main()

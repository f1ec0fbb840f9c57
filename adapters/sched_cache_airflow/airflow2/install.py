"""Puts our parts into the host's place, and takes them out again.

What is replaced is listed in `install`, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class _Replaced:
    owner: Any
    name: str
    original: Any

    def restore(self) -> None:
        setattr(self.owner, self.name, self.original)


_replaced: list[_Replaced] = []


def _replace(owner: Any, name: str, make: Callable[[Any], Any]) -> None:
    original = vars(owner)[name]
    _replaced.append(_Replaced(owner, name, original))
    setattr(owner, name, make(original))


def install() -> None:
    """Replaces the bag's class where the host makes one of, and what the scheduler asks it. Once a process.

    Imports the scheduler.
    """
    import airflow.jobs.scheduler_job_runner as scheduler_job
    import airflow.models.dagbag as dagbag

    from sched_cache_airflow.airflow2 import scheduler
    from sched_cache_airflow.airflow2.dag_bag import CertifiedDagBag

    if _replaced:
        return
    for module in (dagbag, scheduler_job):
        _replace(module, "DagBag", lambda _: CertifiedDagBag)
    runner = scheduler_job.SchedulerJobRunner
    _replace(runner, "_do_scheduling", scheduler.do_scheduling)
    _replace(runner, "_get_next_dagruns_to_examine", scheduler.runs_to_examine)
    _replace(runner, "_verify_integrity_if_dag_changed", scheduler.verify_integrity_if_dag_changed)


def uninstall() -> None:
    """Gives the host back what it had."""
    from sched_cache_airflow.airflow2.runtime import discard_runtime

    while _replaced:
        _replaced.pop().restore()
    discard_runtime()

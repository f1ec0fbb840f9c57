"""A scheduler that finds the pools locked."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Final

from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
from sqlalchemy.exc import OperationalError

from sched_cache_airflow.certification.swapped import swapped

NOTHING_TO_UNDO: Final = "sched_cache.nothing_to_undo"
"""Marks a session that is rolled back without changes since its last commit."""


class _LockNotAvailableError(Exception):
    pgcode = "55P03"


def locked_pools() -> AbstractContextManager[None]:
    """A block in which another scheduler has the locks for queueing task instances."""

    def busy(self: Any, session: Any) -> int:
        session.info[NOTHING_TO_UNDO] = True
        raise OperationalError("SELECT", {}, _LockNotAvailableError(3572, "locked"))

    return swapped(SchedulerJobRunner, "_critical_section_enqueue_task_instances", busy)

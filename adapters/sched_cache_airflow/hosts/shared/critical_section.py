"""The critical section of a scheduler, whose one query considers as many task instances as executors have free slots.

`[scheduler] max_tis_per_query`, 16 by default, is the limit of a loop, because it is the limit of that query. A loop of
the host takes so long that few operators notice; a loop of ours leaves most slots empty. Airflow itself has a value for
"as many as there are slots", 0, and here its own code runs with it: one transaction, figures that are read once under
its locks, and the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

from sqlalchemy.orm import Session

from sched_cache_airflow.process.host_process import HostProcess
from sched_cache_airflow.wake.nap import executors_of

Method = Callable[..., Any]

_AS_MANY_AS_SLOTS: Final = 0
_DEFAULT_LIMIT: Final = 16
"""The host's own value of `max_tis_per_query`. A smaller one is set in order to slow schedulers down."""

options_of_pass: ContextVar[dict[Any, Any] | None] = ContextVar("options_of_pass", default=None)
"""Options of the host that were read for a task instance of this pass, by the arguments; None outside of one."""


def critical_section(
    stock: Method, process: HostProcess[Any], rows_of: Callable[[Session], object]
) -> Method:
    """`SchedulerJobRunner._critical_section_enqueue_task_instances`: queues until no slot is free.

    rows_of: gives None outside of a loop, where a caller gets what `max_tis_per_query` says.
    """

    def _critical_section_enqueue_task_instances(self: Any, session: Session) -> Any:
        if rows_of(session) is None:
            return stock(self, session=session)
        with _pass():
            if not process.runtime().settings.queue_until_full or not _has_slots_to_fill(self):
                return stock(self, session=session)
            with _limit_of(self.job, _AS_MANY_AS_SLOTS):
                return stock(self, session=session)

    return _critical_section_enqueue_task_instances


def _has_slots_to_fill(runner: Any) -> bool:
    """Whether the free slots are a sensible limit, and the operator has not chosen a lower one.

    They are none for executors without a limit, as Airflow 2 has them with `[core] parallelism = 0`, nor for those that
    execute all that they were given before the next loop. Both are known by attributes of `BaseExecutor`.
    """
    if runner.job.max_tis_per_query < _DEFAULT_LIMIT:
        return False
    return all(
        executor.parallelism > 0 and not getattr(executor, "is_single_threaded", False)
        for executor in executors_of(runner)
    )


@contextmanager
def _pass() -> Iterator[None]:
    token = options_of_pass.set({})
    try:
        yield
    finally:
        options_of_pass.reset(token)


@contextmanager
def _limit_of(job: Any, limit: int) -> Iterator[None]:
    """The job has this limit within the block, in which only the thread of the scheduler reads it."""
    found = job.max_tis_per_query
    job.max_tis_per_query = limit
    try:
        yield
    finally:
        job.max_tis_per_query = found

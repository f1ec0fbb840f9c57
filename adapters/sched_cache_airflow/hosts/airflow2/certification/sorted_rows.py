"""A database that gives task instances and runs in the same order to every query."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from airflow import settings
from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
from sqlalchemy import event

from sched_cache_airflow.certification.swapped import swapped
from sched_cache_airflow.hosts.shared.certification.sorted_runs import sorted_runs
from sched_cache_airflow.hosts.shared.certification.sorted_task_instances import sorted_task_instances

# The last column of the order in which a loop asks for the task instances that it may queue.
_ORDER_OF_QUEUEING = re.compile(r"(ORDER BY [^\n]*\bpriority_weight\b[^\n]*?\b(\w+)\.map_index)\b")


@contextmanager
def _sorted_candidates() -> Iterator[None]:
    """A loop queues up to a limit, and asks for no order of task instances with one priority and date."""

    def sort(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> tuple[str, Any]:
        return _ORDER_OF_QUEUEING.sub(r"\1, \2.dag_id, \2.run_id, \2.task_id", statement), parameters

    event.listen(settings.engine, "before_cursor_execute", sort, retval=True)
    try:
        yield
    finally:
        event.remove(settings.engine, "before_cursor_execute", sort)


@contextmanager
def sorted_rows() -> Iterator[None]:
    """Airflow 2 asks for no order, and a few of its decisions depend on it."""
    create = SchedulerJobRunner._create_dag_runs

    def create_in_order(self: Any, dag_models: Any, session: Any) -> Any:
        return create(self, sorted(dag_models, key=lambda dag_model: dag_model.dag_id), session)

    # The host has them in a set.
    with (
        sorted_task_instances(),
        _sorted_candidates(),
        sorted_runs(),
        swapped(SchedulerJobRunner, "_create_dag_runs", create_in_order),
    ):
        yield

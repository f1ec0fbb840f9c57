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
from sched_cache_airflow.hosts.shared.sorted_task_instances import sorted_task_instances

_RUNS_TO_EXAMINE = re.compile(
    r"(ORDER BY dag_run.last_scheduling_decision.* dag_run.execution_date)(\s+LIMIT)"
)


@contextmanager
def sorted_rows() -> Iterator[None]:
    """Airflow 2 asks for no order, and a few of its decisions depend on it."""

    def sort(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> tuple[str, Any]:
        return _RUNS_TO_EXAMINE.sub(r"\1, dag_run.dag_id\2", statement), parameters

    create = SchedulerJobRunner._create_dag_runs

    def create_in_order(self: Any, dag_models: Any, session: Any) -> Any:
        return create(self, sorted(dag_models, key=lambda dag_model: dag_model.dag_id), session)

    event.listen(settings.engine, "before_cursor_execute", sort, retval=True)
    try:
        # The host has them in a set.
        with sorted_task_instances(), swapped(SchedulerJobRunner, "_create_dag_runs", create_in_order):
            yield
    finally:
        event.remove(settings.engine, "before_cursor_execute", sort)

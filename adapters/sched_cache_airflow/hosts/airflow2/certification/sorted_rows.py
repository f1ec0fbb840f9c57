"""A database that gives task instances and runs in the same order to every query."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from airflow.jobs.scheduler_job_runner import SchedulerJobRunner

from sched_cache_airflow.certification.swapped import swapped
from sched_cache_airflow.hosts.shared.certification.sorted_runs import sorted_runs
from sched_cache_airflow.hosts.shared.certification.sorted_task_instances import sorted_task_instances


@contextmanager
def sorted_rows() -> Iterator[None]:
    """Airflow 2 asks for no order, and a few of its decisions depend on it."""
    create = SchedulerJobRunner._create_dag_runs

    def create_in_order(self: Any, dag_models: Any, session: Any) -> Any:
        return create(self, sorted(dag_models, key=lambda dag_model: dag_model.dag_id), session)

    # The host has them in a set.
    with (
        sorted_task_instances(),
        sorted_runs(),
        swapped(SchedulerJobRunner, "_create_dag_runs", create_in_order),
    ):
        yield

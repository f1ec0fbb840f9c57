"""Wrong options on Airflow 2.11."""

from __future__ import annotations

from typing import ClassVar

from tests.contracts.wrong_options import WrongOptionsContract


class TestWrongOptions(WrongOptionsContract):
    """Scheduler and webserver."""

    host: ClassVar[str] = "airflow2"

    def import_parts(self) -> None:
        """All of them."""
        from airflow.models import dagbag  # noqa: F401

        from sched_cache.store.redis import tier  # noqa: F401
        from sched_cache_airflow.hosts.airflow2 import scheduler  # noqa: F401
        from sched_cache_airflow.hosts.shared import (
            jobs,  # noqa: F401
            run_creation,  # noqa: F401
        )
        from sched_cache_airflow.reporting import doctor  # noqa: F401

    def construct(self) -> None:
        """The bag of both, and the runner of the scheduler."""
        import airflow.jobs.scheduler_job_runner as of_scheduler
        from airflow.jobs.job import Job
        from airflow.models.dagbag import DagBag

        DagBag(read_dags_from_db=True)
        of_scheduler.SchedulerJobRunner(job=Job())

        from sched_cache_airflow.hosts.installed import runtime
        from sched_cache_airflow.patching.status import status

        if status.is_on:
            assert runtime().contents.floor("x") is runtime().contents.floor("x")

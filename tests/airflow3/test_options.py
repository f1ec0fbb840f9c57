"""Wrong options on Airflow 3."""

from __future__ import annotations

from typing import ClassVar

from tests.contracts.wrong_options import WrongOptionsContract


class TestWrongOptions(WrongOptionsContract):
    """Scheduler and API server."""

    host: ClassVar[str] = "airflow3"

    def import_parts(self) -> None:
        """All of them."""
        import airflow.api_fastapi.common.dagbag  # noqa: F401
        from airflow.executors import local_executor  # noqa: F401

        from sched_cache.store.redis import tier  # noqa: F401
        from sched_cache_airflow.hosts.airflow3 import scheduler  # noqa: F401
        from sched_cache_airflow.hosts.airflow3.decisions import scheduled_rows  # noqa: F401
        from sched_cache_airflow.hosts.shared import (
            jobs,  # noqa: F401
            run_creation,  # noqa: F401
        )
        from sched_cache_airflow.reporting import doctor  # noqa: F401

    def construct(self) -> None:
        """The bags of both, and the runner of the scheduler."""
        import airflow.api_fastapi.common.dagbag as of_api_server
        import airflow.jobs.scheduler_job_runner as of_scheduler
        from airflow.executors.local_executor import LocalExecutor
        from airflow.jobs.job import Job

        of_api_server.create_dag_bag()
        of_scheduler.SchedulerJobRunner(job=Job(), executors=[LocalExecutor()])

        from sched_cache_airflow.hosts.installed import runtime
        from sched_cache_airflow.patching.status import status

        if status.is_on:
            assert runtime().contents.floor("x") is runtime().contents.floor("x")

"""The real scheduler, one pass of its loop at a time."""

from __future__ import annotations

import time
from typing import Any


class Scheduler:
    """A `SchedulerJobRunner` whose executor takes every task and runs none.

    Source: `_do_scheduling` and what surrounds it in `_run_scheduler_loop`,
    airflow/jobs/scheduler_job_runner.py (3.3).
    """

    def __init__(self) -> None:
        from airflow.jobs.job import Job
        from airflow.jobs.scheduler_job_runner import SchedulerJobRunner

        self._runner: Any = SchedulerJobRunner(job=Job(), executors=[_null_executor()])
        self._runner.job.job_type = SchedulerJobRunner.job_type

    def register(self) -> None:
        """Writes the job's row; needed once per restored database, since runs refer to it."""
        from airflow.utils.session import create_session

        job = self._runner.job
        with create_session() as session:
            # As if the process had just started: no identity from a database that is gone.
            from sqlalchemy.orm import make_transient

            make_transient(job)
            job.id = None
            job.prepare_for_execution(session=session)
            session.expunge_all()

    def loop(self) -> tuple[float, float]:
        """Seconds that one pass took, commits included; and how many of them this process was computing."""
        from airflow.utils.session import create_session

        self._runner._dag_id_to_team_name = {}
        start, computing = time.perf_counter(), time.process_time()
        with create_session() as session:
            self._runner._do_scheduling(session)
            session.expunge_all()
        return time.perf_counter() - start, time.process_time() - computing

    @property
    def dag_bag(self) -> Any:
        return self._runner.scheduler_dag_bag


def _null_executor() -> Any:
    from airflow.executors.base_executor import BaseExecutor
    from airflow.executors.executor_loader import ExecutorLoader
    from airflow.executors.executor_utils import ExecutorName

    class NullExecutor(BaseExecutor):  # type: ignore[misc]  # types are checked without the host
        name = ExecutorName(module_path=f"{__name__}.NullExecutor", alias="NullExecutor")

        def queue_workload(self, workload: Any, session: Any) -> None:
            """Takes the task and forgets it: the case says how tasks end."""

        def sync(self) -> None:
            """Nothing runs, so nothing has ended."""

    executor = NullExecutor(parallelism=1_000_000)
    # The scheduler asks the loader which executor a task names.
    ExecutorLoader.init_executors = staticmethod(lambda *_, **__: [executor])
    return executor

"""The duration of a scheduler loop with a half-finished run, by the host's own `_do_scheduling` without mocks.

Source: Airflow 3.3.2 jobs/scheduler_job_runner.py `_run_scheduler_loop`.
"""

from __future__ import annotations

import statistics
import time
from datetime import timedelta
from typing import Any

from airflow._shared.timezones.timezone import utcnow
from airflow.executors.base_executor import BaseExecutor
from airflow.executors.executor_utils import ExecutorName
from airflow.jobs.job import Job
from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState, TaskInstanceState
from airflow.utils.types import DagRunTriggeredByType, DagRunType
from sqlalchemy import update

from sched_cache_airflow.demo.bag import version_of
from sched_cache_airflow.demo.plan import dag_id_of, first_half

_WARM_LOOPS, _MEASURED_LOOPS = 2, 5


class IdleExecutor(BaseExecutor):
    """An executor that accepts tasks and runs none, so that the run does not change."""

    name = ExecutorName(module_path=f"{__name__}.IdleExecutor", alias="IdleExecutor")

    def queue_workload(self, workload: Any, session: Any) -> None:
        """Ignores the task."""

    def sync(self) -> None:
        """No task ever changes its state."""


class DemoScheduler:
    """A scheduler in this process that runs single loops on request."""

    def __init__(self) -> None:
        self._runner = SchedulerJobRunner(job=Job(), executors=[IdleExecutor()])
        self._runner.job.job_type = SchedulerJobRunner.job_type
        with create_session() as session:
            self._runner.job.prepare_for_execution(session=session)
            session.expunge_all()

    def seconds_of_a_loop(self, n_tasks: int) -> float:
        """The median of a few loops that have one running run, half of whose tasks have succeeded."""
        run_id = self._begin_run(n_tasks)
        try:
            seconds = [self._loop() for _ in range(_WARM_LOOPS + _MEASURED_LOOPS)]
        finally:
            self._end_run(n_tasks, run_id)
        return statistics.median(seconds[_WARM_LOOPS:])

    def _begin_run(self, n_tasks: int) -> str:
        run_id = f"demo_{time.time_ns()}"
        with create_session() as session:
            dag = self._runner.scheduler_dag_bag._get_dag(version_of(dag_id_of(n_tasks)), session)
            dag.create_dagrun(
                run_id=run_id,
                # The clock of SQLite has whole seconds, so a run of this second would not be due yet.
                run_after=utcnow() - timedelta(minutes=1),
                run_type=DagRunType.MANUAL,
                triggered_by=DagRunTriggeredByType.TEST,
                state=DagRunState.RUNNING,
                session=session,
            )
            session.flush()
            now = utcnow()
            finished = TaskInstance.task_id.in_(first_half(n_tasks))
            session.execute(
                update(TaskInstance)
                .where(TaskInstance.run_id == run_id, finished)
                .values(state=TaskInstanceState.SUCCESS, start_date=now, end_date=now)
            )
        return run_id

    def _loop(self) -> float:
        self._runner._dag_id_to_team_name = {}
        with create_session() as session:
            started = time.perf_counter()
            self._runner._do_scheduling(session)
            seconds = time.perf_counter() - started
            session.expunge_all()
        return seconds

    def _end_run(self, n_tasks: int, run_id: str) -> None:
        with create_session() as session:
            for model in (TaskInstance, DagRun):
                column = "state" if model is TaskInstance else "_state"
                of_run = (model.dag_id == dag_id_of(n_tasks), model.run_id == run_id)
                session.execute(update(model).where(*of_run).values({column: "success"}))

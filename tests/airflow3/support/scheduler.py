"""One scheduler, driven loop by loop inside the test's process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.executors.base_executor import BaseExecutor
from airflow.executors.executor_utils import ExecutorName
from airflow.jobs.job import Job
from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
from airflow.utils.session import create_session

if TYPE_CHECKING:
    from airflow.models.dagbag import CachedDBDagBag


class IdleExecutor(BaseExecutor):
    """Takes every workload and runs none: the test decides how a task ends."""

    name = ExecutorName(module_path=f"{__name__}.IdleExecutor", alias="IdleExecutor")

    def __init__(self) -> None:
        super().__init__(parallelism=1000)
        self.n_queued = 0

    def queue_workload(self, workload: Any, session: Any) -> None:
        self.n_queued += 1

    def sync(self) -> None:
        pass


class Scheduler:
    """A real ``SchedulerJobRunner`` with its own job row; ``loop`` is one pass of its main loop.

    Attributes:
        runner: the host's object.
        dag_bag: where it gets DAGs from.
    """

    def __init__(self, executor: BaseExecutor | None = None) -> None:
        self.runner = SchedulerJobRunner(job=Job(), executors=[executor or IdleExecutor()])
        self.runner.job.job_type = SchedulerJobRunner.job_type
        with create_session() as session:
            self.runner.job.prepare_for_execution(session=session)
            session.expunge_all()

    @property
    def dag_bag(self) -> CachedDBDagBag:
        return self.runner.scheduler_dag_bag

    def loop(self) -> None:
        """Create, start and schedule what is due, as ``_run_scheduler_loop`` does first."""
        self.runner._dag_id_to_team_name = {}
        with create_session() as session:
            self.runner._do_scheduling(session)
            session.expunge_all()

    def loops(self, count: int) -> None:
        """``count`` passes: a change may need one to be seen and one to be acted on."""
        for _ in range(count):
            self.loop()

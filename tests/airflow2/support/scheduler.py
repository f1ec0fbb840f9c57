"""One scheduler, driven loop by loop inside the test's process."""

from __future__ import annotations

from typing import Any

from airflow.executors.base_executor import BaseExecutor
from airflow.jobs.job import Job
from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
from airflow.utils.session import create_session


class IdleExecutor(BaseExecutor):
    """Takes every task and runs none. slots: how many it says that it has."""

    def __init__(self, slots: int = 1000) -> None:
        super().__init__(parallelism=slots)
        self.callbacks: list[Any] = []

    @property
    def slots_available(self) -> int:
        return self.parallelism

    def queue_command(self, *arguments: Any, **options: Any) -> None:
        pass

    def sync(self) -> None:
        pass

    def send_callback(self, request: Any) -> None:
        self.callbacks.append(request)


class Scheduler:
    """A real `SchedulerJobRunner` with its own job row; `loop` is one pass of its main loop.

    runner: the host's object. executor: its only one.
    """

    def __init__(self, executor: BaseExecutor | None = None) -> None:
        self.executor = executor or IdleExecutor()
        self.runner = SchedulerJobRunner(job=Job(executor=self.executor))
        self.runner.job.job_type = SchedulerJobRunner.job_type
        with create_session() as session:
            self.runner.job.prepare_for_execution(session=session)
            session.expunge_all()

    def loop(self) -> None:
        """Create, start and schedule what is due, as `_run_scheduler_loop` does first."""
        with create_session() as session:
            self.runner._do_scheduling(session)
            session.expunge_all()

    def loops(self, count: int) -> None:
        """`count` passes: a change may need one to be seen and one to be acted on."""
        for _ in range(count):
            self.loop()

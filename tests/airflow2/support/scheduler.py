"""One scheduler, driven loop by loop inside the test's process."""

from __future__ import annotations

from airflow.executors.base_executor import BaseExecutor
from airflow.utils.session import create_session

from sched_cache_airflow.hosts.airflow2.certification.scheduler import IdleExecutor, new_runner


class Scheduler:
    """A real `SchedulerJobRunner` with its own job row; `loop` is one pass of its main loop.

    runner: the host's object. executor: its only one.
    """

    def __init__(self, executor: BaseExecutor | None = None) -> None:
        self.executor = executor or IdleExecutor()
        self.runner = new_runner(self.executor)

    def loop(self) -> None:
        """Create, start and schedule what is due, as `_run_scheduler_loop` does first."""
        with create_session() as session:
            self.runner._do_scheduling(session)
            session.expunge_all()

    def loops(self, count: int) -> None:
        """`count` passes: a change may need one to be seen and one to be acted on."""
        for _ in range(count):
            self.loop()

"""One scheduler, driven loop by loop inside the test's process."""

from __future__ import annotations

from typing import Any

from airflow.executors.base_executor import BaseExecutor
from airflow.jobs import scheduler_job_runner
from airflow.utils.session import create_session
from sqlalchemy.orm import Session

from sched_cache_airflow.hosts.airflow3.certification.scheduler import IdleExecutor, new_runner


class Scheduler:
    """A real ``SchedulerJobRunner`` with its own job row; ``loop`` is one pass of its main loop.

    Attributes:
        runner: the host's object.
        executor: the only one that it has.
        dag_bag: where it gets DAGs from.
    """

    def __init__(self, executor: BaseExecutor | None = None) -> None:
        self.executor = executor or IdleExecutor()
        self.runner = new_runner(self.executor)

    @property
    def dag_bag(self) -> Any:
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

    def current_dag(self, dag_id: str, session: Session) -> Any:
        """The content that the host would create a run from; before 3.1.7, a function of the module finds it."""
        get = getattr(self.runner, "_get_current_dag", None) or scheduler_job_runner._get_current_dag
        return get(dag_id=dag_id, session=session)

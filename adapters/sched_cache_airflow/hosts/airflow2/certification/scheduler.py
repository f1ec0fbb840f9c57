"""A scheduler that is driven loop by loop inside of this process."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any, Final

from airflow import settings
from airflow.executors.base_executor import BaseExecutor
from airflow.jobs.job import Job
from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
from airflow.models import skipmixin
from airflow.utils.session import create_session
from sqlalchemy.orm import Session

from sched_cache_airflow.certification.loops import Effects, Pools
from sched_cache_airflow.certification.swapped import swapped
from sched_cache_airflow.hosts.airflow2.certification.decided_dag import all_rows
from sched_cache_airflow.hosts.airflow2.certification.side_effects import described, side_effects
from sched_cache_airflow.hosts.shared.certification.asked_dependencies import answers
from sched_cache_airflow.hosts.shared.certification.locked_pools import locked_pools
from sched_cache_airflow.hosts.shared.certification.verbose_log import VerboseLog

_SLOTS: Final = 1000


class IdleExecutor(BaseExecutor):
    """Takes every task and runs none. slots: the number of slots that it reports. callbacks: the requests."""

    def __init__(self, slots: int = 1000) -> None:
        super().__init__(parallelism=slots)
        self.callbacks: list[Any] = []

    @property
    def slots_available(self) -> int:
        return int(self.parallelism)

    def queue_command(self, *arguments: Any, **options: Any) -> None:
        pass

    def sync(self) -> None:
        pass

    def send_callback(self, request: Any) -> None:
        self.callbacks.append(request)


def new_runner(executor: BaseExecutor) -> SchedulerJobRunner:
    """The host's object, with a row of its own in the table of jobs."""
    runner = SchedulerJobRunner(job=Job(executor=executor))
    runner.job.job_type = SchedulerJobRunner.job_type
    with create_session() as session:
        runner.job.prepare_for_execution(session=session)
        session.expunge_all()
    return runner


class Scheduler:
    """See `LoopingScheduler`."""

    def __init__(self) -> None:
        self._executor = IdleExecutor(slots=0)
        self._runner = new_runner(self._executor)
        # So that no limit chooses: the plugin queues until no slot is free, if it knows the host's critical section.
        self._runner.job.max_tis_per_query = 0
        self._runner._log = VerboseLog(self._runner.log)
        # Since 2.10 it looks for the executor of a task among those that are configured.
        self._runner._try_to_load_executor = lambda _: self._executor

    def loop(self, session: Session, pools: Pools) -> Effects:
        """One pass of its main loop. Where it queues, runs of the future are allowed."""
        self._executor.callbacks.clear()
        self._executor.parallelism = 0 if pools is Pools.FULL else _SLOTS
        with (
            side_effects() as seen,
            locked_pools() if pools is Pools.LOCKED else nullcontext(),
            swapped(settings, "ALLOW_FUTURE_EXEC_DATES", pools is Pools.FREE),
        ):
            self._runner._do_scheduling(session)
        session.flush()
        session.expunge_all()
        return Effects(all_rows(session), [described(request) for request in self._executor.callbacks], seen)

    def answers(self, session: Session) -> list[Any]:
        """See `LoopingScheduler`."""
        # A worker has operators of the file of a DAG. Before 2.10.5 the host looks for the decisions of those of this
        # class, which a stored one never is.
        with swapped(skipmixin, "SkipMixin", object):
            return answers(session, lambda run: self._runner.dagbag.get_dag(run.dag_id, session=session))

    def forget(self) -> None:
        """Empties the bag."""
        for kept in ("dags", "dags_hash", "dags_last_fetched"):
            getattr(self._runner.dagbag, kept).clear()

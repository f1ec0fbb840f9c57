"""A scheduler that is driven loop by loop inside of this process."""

from __future__ import annotations

from contextlib import nullcontext
from inspect import signature
from typing import Any, Final

from airflow.executors.base_executor import BaseExecutor
from airflow.executors.executor_utils import ExecutorName
from airflow.jobs.job import Job
from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
from airflow.models import DagRun
from airflow.utils.session import create_session
from sqlalchemy.orm import Session

from sched_cache_airflow.certification.loops import Effects, Pools
from sched_cache_airflow.hosts.airflow3.certification.decided_dag import all_rows
from sched_cache_airflow.hosts.airflow3.certification.side_effects import described, side_effects
from sched_cache_airflow.hosts.airflow3.certification.teams import has_teams
from sched_cache_airflow.hosts.airflow3.compat import forget_dags
from sched_cache_airflow.hosts.shared.certification.asked_dependencies import answers
from sched_cache_airflow.hosts.shared.certification.locked_pools import locked_pools
from sched_cache_airflow.hosts.shared.certification.verbose_log import VerboseLog

_SLOTS: Final = 1000


class IdleExecutor(BaseExecutor):
    """Takes every workload and runs none. callbacks: the requests for callbacks."""

    name = ExecutorName(module_path=f"{__name__}.IdleExecutor", alias="IdleExecutor")

    def __init__(self) -> None:
        super().__init__(parallelism=1000)
        self.n_queued = 0
        self.callbacks: list[Any] = []

    def queue_workload(self, workload: Any, session: Any) -> None:
        self.n_queued += 1

    def sync(self) -> None:
        pass

    def send_callback(self, request: Any) -> None:
        self.callbacks.append(request)


def new_runner(executor: BaseExecutor) -> SchedulerJobRunner:
    """The host's object, with a row of its own in the table of jobs. Before 3.2, the executor belongs to the job."""
    if "executors" in signature(SchedulerJobRunner).parameters:
        runner = SchedulerJobRunner(job=Job(), executors=[executor])
    else:
        runner = SchedulerJobRunner(job=Job(executor=executor))
    runner.job.job_type = SchedulerJobRunner.job_type
    with create_session() as session:
        runner.job.prepare_for_execution(session=session)
        session.expunge_all()
    return runner


def _create_runs_in_order(runner: Any) -> None:
    """By DAG: the host has the DAGs that are due in a set. The class keeps its method, which the plugin replaces."""

    def create(dag_models: Any, session: Session) -> Any:
        return type(runner)._create_dag_runs(runner, sorted(dag_models, key=lambda one: one.dag_id), session)

    runner._create_dag_runs = create


class Scheduler:
    """See `LoopingScheduler`."""

    def __init__(self) -> None:
        self._executor = IdleExecutor()
        self._executor.parallelism = 0  # which its constructor does not accept
        self._runner = new_runner(self._executor)
        # So that no limit chooses: the plugin queues until no slot is free, if it knows the host's critical section.
        self._runner.job.max_tis_per_query = 0
        _create_runs_in_order(self._runner)
        self._runner._log = VerboseLog(self._runner.log)

    def loop(self, session: Session, pools: Pools) -> Effects:
        """One pass of its main loop."""
        self._executor.callbacks.clear()
        self._executor.parallelism = 0 if pools is Pools.FULL else _SLOTS
        self._runner._dag_id_to_team_name = {}
        self._runner._multi_team = has_teams(session)  # an option that the host reads once, at its start
        if hasattr(DagRun, "active_spans"):  # before 3.2: of all schedulers in a process
            DagRun.active_spans.clear()
        with side_effects() as seen, locked_pools() if pools is Pools.LOCKED else nullcontext():
            self._runner._do_scheduling(session)
        session.flush()
        session.expunge_all()
        return Effects(all_rows(session), [described(request) for request in self._executor.callbacks], seen)

    def answers(self, session: Session) -> list[Any]:
        """See `LoopingScheduler`."""
        return answers(
            session, lambda run: self._runner.scheduler_dag_bag.get_dag_for_run(run, session=session)
        )

    def forget(self) -> None:
        """Empties the bag."""
        forget_dags(self._runner.scheduler_dag_bag)

"""What the scheduler job asks in every loop, answered from one query."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from sched_cache_airflow.airflow3.dag_bag import latest_dag
from sched_cache_airflow.airflow3.reconcile import Reconciler, version_id_of
from sched_cache_airflow.airflow3.runtime import runtime
from sched_cache_airflow.airflow3.versions import begin_loop, end_loop, versions_of

Method = Callable[..., Any]


def reconciler() -> Reconciler:
    """The one of this process."""
    return runtime().reconciler


def do_scheduling(stock: Method) -> Method:
    """`SchedulerJobRunner._do_scheduling`: the loop whose look-ups are answered together."""

    def _do_scheduling(self: Any, session: Session) -> Any:
        begin_loop(session)
        try:
            return stock(self, session)
        finally:
            end_loop(session)

    return _do_scheduling


def runs_to_examine(stock: Method) -> Method:
    """`DagRun.get_running_dag_runs_to_examine`, `get_queued_dag_runs_to_set_running`.

    What is current is read after the runs are locked and before their task instances are read: an instance that is
    read later was committed under a content that this query sees, or is noticed by the reconciler.
    """

    def get_dag_runs(cls: Any, session: Session) -> Any:
        dag_runs = list(stock(cls, session))
        if versions_of(session) is not None:
            try:
                begin_loop(session).read_for(dag_runs, session)
            except SQLAlchemyError:
                raise
            except Exception as error:
                runtime().fallbacks.note("versions of a loop", error)
        return dag_runs

    return get_dag_runs


def get_current_dag(stock: Method) -> Method:
    """`SchedulerJobRunner._get_current_dag`: the content that runs are created from."""

    def _get_current_dag(self: Any, dag_id: str, session: Session) -> Any:
        dag = latest_dag(dag_id, False, session)
        return stock(self, dag_id, session) if dag is None else dag

    return _get_current_dag


def verify_integrity_if_dag_changed(stock: Method) -> Method:
    """`SchedulerJobRunner._verify_integrity_if_dag_changed`: two queries, not needed for a run that agrees."""

    def _verify_integrity_if_dag_changed(self: Any, dag_run: Any, session: Session) -> Any:
        versions = versions_of(session)
        if versions is not None and dag_run.dag_id in versions.latest:
            version_id = version_id_of(dag_run, versions, session)
            if reconciler().agrees(dag_run, version_id, versions.hash_of(version_id, session)):
                return True
        return stock(self, dag_run=dag_run, session=session)

    return _verify_integrity_if_dag_changed


def task_instance_scheduling_decisions(stock: Method) -> Method:
    """`DagRun.task_instance_scheduling_decisions`, after the run was given what its content has."""

    def decisions(self: Any, *, session: Session) -> Any:
        try:
            reconciler().reconcile(self, session)
        except SQLAlchemyError:
            raise
        except Exception as error:
            runtime().fallbacks.note("reconcile", error)
        return stock(self, session=session)

    return decisions

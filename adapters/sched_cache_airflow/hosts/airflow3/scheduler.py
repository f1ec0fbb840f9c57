"""Replacements in the scheduler job, which answer its queries of a loop from one query."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from types import FunctionType
from typing import Any

from airflow.utils.retries import retry_db_transaction
from sqlalchemy.orm import Session, lazyload

from sched_cache_airflow.hosts.airflow3 import compat
from sched_cache_airflow.hosts.airflow3.dags.current_versions import begin_loop, end_loop, versions_of
from sched_cache_airflow.hosts.airflow3.dags.dag_bag import latest_dag
from sched_cache_airflow.hosts.airflow3.runtime import Process
from sched_cache_airflow.hosts.shared import critical_section as shared_critical_section
from sched_cache_airflow.hosts.shared import next_runs
from sched_cache_airflow.hosts.shared.idle_sleep import begin_nap_loop
from sched_cache_airflow.hosts.shared.scalar_result import scalar_result
from sched_cache_airflow.patching.guard import (
    BEGIN_DECISIONS,
    CURRENT_DAG,
    MEMORY_BOOKS,
    RECONCILE,
    VERIFY_INTEGRITY,
    VERSIONS_OF_LOOP,
    guard,
)
from sched_cache_airflow.patching.known_code import is_hosts_own

Method = Callable[..., Any]


def do_scheduling(stock: Method, process: Process) -> Method:
    """`SchedulerJobRunner._do_scheduling`: the loop with look-ups that are answered together."""

    def _do_scheduling(self: Any, session: Session) -> Any:
        begin_loop(session)
        try:
            _tend(process)
            begin_nap_loop(process, self)
            return stock(self, session)
        finally:
            end_loop(session)

    return _do_scheduling


def critical_section(stock: Method, process: Process) -> Method:
    """`SchedulerJobRunner._critical_section_enqueue_task_instances`."""
    return shared_critical_section.critical_section(stock, process, versions_of)


def _tend(process: Process) -> None:
    with guard(MEMORY_BOOKS, process.runtime().fallbacks.note):
        process.runtime().contents.tend()


def _without_task_instances(stock: Method) -> Method:
    """The host's own code, except that runs come without their task instances, which are loaded if they are read.

    Before 3.2, the query of each loop loads all task instances of all its runs, and each decision loads them again.
    """
    code = getattr(stock, "__wrapped__", None)  # in the host's retries; otherwise it is code of a site
    if not isinstance(code, FunctionType) or hasattr(code, "__wrapped__") or not is_hosts_own(stock):
        return stock
    if "joinedload" not in code.__code__.co_names:
        return stock
    lean = FunctionType(code.__code__, {**code.__globals__, "joinedload": lazyload}, code.__name__)
    with_retries: Method = retry_db_transaction(lean)
    return with_retries


def runs_to_examine(stock: Method, process: Process) -> Method:
    """`DagRun.get_running_dag_runs_to_examine`, `get_queued_dag_runs_to_set_running`.

    The current versions are read after the runs are locked and before their task instances are read. An instance that
    is read later was committed under a content that this query sees, or the reconciler notices it.
    """
    lean = _without_task_instances(stock)

    def get_dag_runs(cls: Any, session: Session) -> Any:
        if versions_of(session) is None:
            return stock(cls, session)
        dag_runs = lean(cls, session).all()
        with guard(VERSIONS_OF_LOOP, process.runtime().fallbacks.note):
            versions = begin_loop(session)
            versions.read_for(dag_runs, session)
            process.runtime().contents.prefetch(versions.hashes)
        return scalar_result(dag_runs)

    return get_dag_runs


def runs_to_decide(stock: Method, process: Process) -> Method:
    """`DagRun.get_running_dag_runs_to_examine`: notes the runs that this loop will decide."""

    def get_running_dag_runs_to_examine(cls: Any, session: Session) -> Any:
        found = stock(cls, session)
        if versions_of(session) is None:
            return found
        dag_runs = found.all()
        with guard(BEGIN_DECISIONS, process.runtime().fallbacks.note):
            process.runtime().fast_path.begin_loop(dag_runs, session)
        return scalar_result(dag_runs)

    return get_running_dag_runs_to_examine


def create_dag_runs(stock: Method) -> Method:
    """`SchedulerJobRunner._create_dag_runs`: two queries, which are omitted if no DAG is due, as in most loops."""

    def _create_dag_runs(self: Any, dag_models: Any, session: Session) -> Any:
        return stock(self, dag_models, session) if dag_models else None

    return _create_dag_runs


def get_current_dag(stock: Method, process: Process) -> Method:
    """`SchedulerJobRunner._get_current_dag`, before 3.1.7 a function: the content that runs are created from."""
    arguments = signature(stock)

    def _get_current_dag(*args: Any, **options: Any) -> Any:
        given = arguments.bind(*args, **options).arguments
        dag = None
        with guard(CURRENT_DAG, process.runtime().fallbacks.note):
            dag = latest_dag(process.runtime(), given["dag_id"], False, given["session"])
        return stock(*args, **options) if dag is None else dag

    return _get_current_dag


def ends_a_run(stock: Method) -> Method:
    """The method that decides what the end of a run changes in the row of its DAG: a flag, or dates before 3.2."""
    if compat.HAS_FLAG_OF_LIMIT:
        return set_exceeds_max_active_runs(stock)
    return next_runs.should_update_dag_next_dagruns(stock, versions_of)


def set_exceeds_max_active_runs(stock: Method) -> Method:
    """`SchedulerJobRunner._set_exceeds_max_active_runs`: writes a flag if it differs from what was read.

    The row was read for the whole loop, and another scheduler may have set the flag since. A flag that is set wrongly
    would prevent runs of the DAG, so the row is read again when a run ends.
    """

    def _set_exceeds_max_active_runs(self: Any, *, dag_model: Any, session: Session, **options: Any) -> Any:
        versions = versions_of(session)
        if versions is not None and dag_model in versions.dag_models and dag_model not in session.dirty:
            versions.read_again(dag_model, ("max_active_runs", "exceeds_max_non_backfill"), session)
        return stock(self, dag_model=dag_model, session=session, **options)

    return _set_exceeds_max_active_runs


def verify_integrity_if_dag_changed(stock: Method, process: Process) -> Method:
    """`SchedulerJobRunner._verify_integrity_if_dag_changed`: two queries, which a run that agrees does not need."""

    def _verify_integrity_if_dag_changed(self: Any, dag_run: Any, session: Session) -> Any:
        versions = versions_of(session)
        if versions is not None and dag_run.dag_id in versions.latest:
            version_id = versions.version_of_run(dag_run, session)
            if process.runtime().reconciler.agrees(
                dag_run, version_id, versions.hash_of(version_id, session)
            ):
                return True
        result = stock(self, dag_run=dag_run, session=session)
        process.runtime().reconciler.forget(
            dag_run
        )  # verified, and not created: its task instances may be of another version
        return result

    return _verify_integrity_if_dag_changed


def verify_integrity(stock: Method, process: Process) -> Method:
    """`DagRun.verify_integrity`: a run that it has just created agrees with its content, and is not compared."""

    def _verify_integrity(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = stock(self, *args, **kwargs)
        with guard(VERIFY_INTEGRITY, process.runtime().fallbacks.note):
            process.runtime().reconciler.created(self, kwargs["dag_version_id"])
        return result

    return _verify_integrity


def task_instance_scheduling_decisions(stock: Method, process: Process) -> Method:
    """`DagRun.task_instance_scheduling_decisions`, after the run has got the task instances of its content."""

    def decisions(self: Any, session: Session | None = None) -> Any:
        if session is None:
            return stock(self)  # the host makes one of its own
        with guard(RECONCILE, process.runtime().fallbacks.note):
            process.runtime().reconciler.reconcile(self, session)
        return stock(self, session=session)

    return decisions

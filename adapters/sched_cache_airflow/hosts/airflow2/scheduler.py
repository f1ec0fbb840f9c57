"""Replacements in the scheduler job, which answer its queries of a loop from one query."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from airflow.utils.state import DagRunState
from sqlalchemy.orm import Session

from sched_cache_airflow.hosts.airflow2.dags.current_versions import begin_loop, end_loop, versions_of
from sched_cache_airflow.hosts.airflow2.dags.dag_bag import is_certified
from sched_cache_airflow.hosts.shared import critical_section as shared_critical_section
from sched_cache_airflow.hosts.shared import next_runs
from sched_cache_airflow.hosts.shared.idle_sleep import begin_nap_loop
from sched_cache_airflow.hosts.shared.runtime import Runtime
from sched_cache_airflow.hosts.shared.scalar_result import scalar_result
from sched_cache_airflow.patching.guard import BEGIN_DECISIONS, MEMORY_BOOKS, VERSIONS_OF_LOOP, guard
from sched_cache_airflow.process.host_process import HostProcess

Method = Callable[..., Any]
Process: TypeAlias = HostProcess[Runtime]


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


def runs_to_examine(stock: Method, process: Process) -> Method:
    """`SchedulerJobRunner._get_next_dagruns_to_examine`.

    The current hashes are read after the runs are locked and before their task instances are read. An instance that is
    read later was committed under a content that this query sees, or its run has another hash.
    """

    def _get_next_dagruns_to_examine(self: Any, state: Any, session: Session) -> Any:
        found = stock(self, state, session)
        if versions_of(session) is None:
            return found
        dag_runs = found.all()
        _begin_versions(process, dag_runs, session)
        if state == DagRunState.RUNNING:
            _begin_decisions(process, dag_runs, session)
        return scalar_result(dag_runs)

    return _get_next_dagruns_to_examine


def _begin_versions(process: Process, dag_runs: Sequence[Any], session: Session) -> None:
    versions = begin_loop(session)
    versions.read_for(dag_runs, session)
    with guard(VERSIONS_OF_LOOP, process.runtime().fallbacks.note):
        process.runtime().contents.prefetch(versions.hashes)


def _begin_decisions(process: Process, dag_runs: Sequence[Any], session: Session) -> None:
    with guard(BEGIN_DECISIONS, process.runtime().fallbacks.note):
        process.runtime().fast_path.begin_loop(dag_runs, session)


def should_update_dag_next_dagruns(stock: Method) -> Method:
    """`SchedulerJobRunner._should_update_dag_next_dagruns`."""
    return next_runs.should_update_dag_next_dagruns(stock, versions_of)


def verify_integrity_if_dag_changed(stock: Method) -> Method:
    """`SchedulerJobRunner._verify_integrity_if_dag_changed`: the run gets the hash of the DAG that it was verified by.

    On stock it can get another one, and a task that only the newer DAG has never gets an instance in it:

        1. the scheduler has fetched content A
        2. a processor writes B
        3. within 10 s of 1 the scheduler finds that the run has the hash of A and the row that of B: it writes
           the hash of B to the run, and verifies the run by A, which it still takes for current
        4. from then on the hashes agree
    """

    def _verify_integrity_if_dag_changed(self: Any, dag_run: Any, session: Session) -> bool:
        bag = self.dagbag
        if not is_certified(bag) or bag.excludes(dag_run.dag_id):
            return bool(stock(self, dag_run, session))
        dag = bag.get_dag(dag_run.dag_id, session=session)
        dag_hash = bag.dags_hash.get(dag_run.dag_id)
        if dag is None or dag_hash is None:
            return bool(stock(self, dag_run, session))
        dag_run.dag = dag
        if dag_run.dag_hash != dag_hash:
            dag_run.dag_hash = dag_hash
            dag_run.verify_integrity(session=session)
        return True

    return _verify_integrity_if_dag_changed

"""What the scheduler job asks in every loop, answered from one query."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy.orm import Session

from sched_cache_airflow.airflow2.dag_bag import CertifiedDagBag
from sched_cache_airflow.airflow2.versions import begin_loop, end_loop, versions_of

Method = Callable[..., Any]


class DagRuns(list[Any]):
    """Runs that were read already, for callers that expect a result of a query."""

    def all(self) -> list[Any]:
        """The runs."""
        return list(self)


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
    """`SchedulerJobRunner._get_next_dagruns_to_examine`.

    What is current is read after the runs are locked and before their task instances are read: an instance that is
    read later was committed under a content that this query sees, or its run has another hash.
    """

    def _get_next_dagruns_to_examine(self: Any, state: Any, session: Session) -> Any:
        dag_runs = DagRuns(stock(self, state, session))
        if versions_of(session) is not None:
            begin_loop(session).read_for(dag_runs, session)
        return dag_runs

    return _get_next_dagruns_to_examine


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
        if not isinstance(bag, CertifiedDagBag) or bag.excludes(dag_run.dag_id):
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

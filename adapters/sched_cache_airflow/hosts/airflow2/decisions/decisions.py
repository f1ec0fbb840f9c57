"""The part of the fast path that is specific to Airflow 2."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from sched_cache.scheduling import AIRFLOW_2
from sched_cache_airflow.hosts.airflow2.dags.current_versions import versions_of
from sched_cache_airflow.hosts.airflow2.decisions import slim_rows


class Decisions:
    """The host takes task instances in the order of the database, and names none in a run's callback."""

    rules = AIRFLOW_2
    rows = slim_rows
    is_ordered = False
    names_last_ended = False
    loop_of = staticmethod(versions_of)

    def predicted(self, dag_run: Any, session: Session) -> tuple[Any, str] | None:
        """The DAG, with the hash of its content."""
        versions = versions_of(session)
        dag_hash = None if versions is None else versions.hash_of(dag_run.dag_id, session)
        return None if dag_hash is None else (dag_run.dag_id, dag_hash)

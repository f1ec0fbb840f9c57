"""The part of the fast path that is specific to Airflow 3."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from sched_cache.scheduling import AIRFLOW_3
from sched_cache_airflow.hosts.airflow3.dags.current_versions import versions_of
from sched_cache_airflow.hosts.airflow3.decisions import slim_rows


class Decisions:
    """The host sorts task instances by task and map index, and names the one that ended last in a run's callback."""

    rules = AIRFLOW_3
    rows = slim_rows
    is_ordered = True
    names_last_ended = True
    loop_of = staticmethod(versions_of)

    def predicted(self, dag_run: Any, session: Session) -> tuple[Any, str] | None:
        """The version that the run resolves to, with its hash."""
        versions = versions_of(session)
        if versions is None:
            return None
        version_id = versions.version_of_run(dag_run, session)
        dag_hash = versions.hash_of(version_id, session)
        return None if dag_hash is None else (version_id, dag_hash)

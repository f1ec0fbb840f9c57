"""The part of the fast path that is specific to Airflow 3."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Any

from airflow.models.dagrun import DagRun
from sqlalchemy.orm import Session

from sched_cache.scheduling import AIRFLOW_3
from sched_cache_airflow.hosts.airflow3 import compat
from sched_cache_airflow.hosts.airflow3.dags.current_versions import versions_of
from sched_cache_airflow.hosts.airflow3.decisions import slim_rows


class _Statement:
    """A session that keeps the statement that it is given, and finds nothing."""

    given: Any = None

    def scalars(self, statement: Any) -> _Statement:
        self.given = statement
        return self

    def all(self) -> list[Any]:
        return []


class Decisions:
    """Since 3.2, the host sorts task instances by task and map index, and names the last one in a run's callback."""

    rules = replace(AIRFLOW_3, reschedule_reaches_others=compat.RESCHEDULE_REACHES_OTHERS)
    rows = slim_rows
    names_last_ended = compat.NAMES_LAST_ENDED
    loop_of = staticmethod(versions_of)

    @cached_property
    def is_ordered(self) -> bool:
        """Whether the host's query for the task instances of a run names an order."""
        session = _Statement()
        DagRun.fetch_task_instances(dag_id="", run_id="", session=session)
        return bool(session.given._order_by_clauses)

    def predicted(self, dag_run: Any, session: Session) -> tuple[Any, str] | None:
        """The version that the run resolves to, with its hash."""
        versions = versions_of(session)
        if versions is None:
            return None
        version_id = versions.version_of_run(dag_run, session)
        dag_hash = versions.hash_of(version_id, session)
        return None if dag_hash is None else (version_id, dag_hash)

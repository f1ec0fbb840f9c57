"""Runs whose task instances belong to another content than the one they are scheduled by.

A version is rewritten in place while it has no task instance. The writer cannot see those of a transaction that is
still open, so a run can be created from the old content and end up under the new one:

    1. somebody creates a run: task instances of content A, not committed
    2. the DAG processor sees no task instance of the version, and replaces A by B in place
    3. both commit; the version ids agree, so the host never looks again

On stock a task that only B has never gets an instance in that run, and one that only A has is not marked as removed
until it is met. Here a run is compared with its content once for each content that it is scheduled by.
"""

from __future__ import annotations

from typing import Any

from airflow.models.taskinstance import TaskInstance
from airflow.utils.state import TaskInstanceState
from cachetools import LRUCache
from sqlalchemy import select
from sqlalchemy.orm import Session

from sched_cache_airflow.airflow3.contents import Contents
from sched_cache_airflow.airflow3.dag import CompactSerializedDAG
from sched_cache_airflow.airflow3.versions import Versions, versions_of

_MAX_RUNS = 50_000


class Reconciler:
    """Which runs are known to agree with which content. For the one thread that schedules."""

    def __init__(self, contents: Contents) -> None:
        self._contents = contents
        self._agreed: LRUCache[int, tuple[Any, str]] = LRUCache(_MAX_RUNS)
        self.n_reconciled = 0

    def agrees(self, dag_run: Any, version_id: Any, dag_hash: str | None) -> bool:
        """Whether the run was found to have the task instances of this content."""
        return dag_hash is not None and self._agreed.get(dag_run.id) == (version_id, dag_hash)

    def reconcile(self, dag_run: Any, session: Session) -> None:
        """Gives the run the task instances of its content, before decisions are made from them.

        Cost: nothing when the run is known to agree, else one query.
        """
        versions = versions_of(session)
        dag = dag_run.dag
        if versions is None or not isinstance(dag, CompactSerializedDAG):
            return
        version_id = version_id_of(dag_run, versions, session)
        dag_hash = versions.hash_of(version_id, session)
        if dag_hash is None or self.agrees(dag_run, version_id, dag_hash):
            return
        present, restorable = _task_ids(dag_run, session)
        if not present <= set(dag.compact.task_ids):
            # Perhaps the task instances are newer than what was read at the beginning of the loop: a task may
            # only be given up as removed by the content that is current now.
            versions.read([dag_run.dag_id], [version_id], session)
            version_id = version_id_of(dag_run, versions, session)
            dag_hash = versions.hash_of(version_id, session)
            current = dag_hash and self._contents.get(version_id, dag_hash, False, session)
            if not current:
                return
            dag = dag_run.dag = current
        wanted = set(dag.compact.task_ids)
        if wanted - present or wanted & restorable:
            self.n_reconciled += 1
            dag_run.verify_integrity(dag_version_id=version_id, session=session)
        assert dag_hash is not None
        self._agreed[dag_run.id] = (version_id, dag_hash)


def version_id_of(dag_run: Any, versions: Versions, session: Session) -> Any:
    """The version that the host schedules the run by."""
    if not dag_run.bundle_version or not dag_run.created_dag_version_id:
        current = versions.latest_of(dag_run.dag_id, session)
        if current is not None:
            return current.version_id
    return dag_run.created_dag_version_id


def _task_ids(dag_run: Any, session: Session) -> tuple[set[str], set[str]]:
    """(tasks with an instance, tasks whose only unmapped instance is marked as removed)."""
    rows = session.execute(
        select(TaskInstance.task_id, TaskInstance.state, TaskInstance.map_index).where(
            TaskInstance.dag_id == dag_run.dag_id, TaskInstance.run_id == dag_run.run_id
        )
    ).all()
    removed = {task_id for task_id, state, index in rows if state == TaskInstanceState.REMOVED and index < 0}
    present = {task_id for task_id, state, _ in rows if state != TaskInstanceState.REMOVED}
    mapped = {task_id for task_id, _, index in rows if index >= 0}
    return present | removed | mapped, removed - present

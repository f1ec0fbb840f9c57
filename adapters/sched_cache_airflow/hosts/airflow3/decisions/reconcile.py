"""Runs whose task instances belong to another content than the one they are scheduled by.

A version is rewritten in place while it has no task instance. The writer cannot see those of a transaction that is
still open, so a run can be created from the old content and end up under the new one:

    1. a process creates a run: task instances of content A, not committed
    2. the DAG processor sees no task instance of the version, and replaces A by B in place
    3. both commit; the version ids agree, so the host never looks again

On stock, a task that only B has never gets an instance in that run, and a task that only A has is not marked as removed
until a scheduler finds it. Here, a run is compared once with each content by which it is scheduled, except with the
content from which this process has created it.
"""

from __future__ import annotations

from typing import Any

from airflow.models.taskinstance import TaskInstance
from airflow.utils.state import TaskInstanceState
from cachetools import LRUCache
from sqlalchemy import inspect, select
from sqlalchemy.orm import Session

from sched_cache_airflow.dags.resident_dags import ResidentDags
from sched_cache_airflow.hosts.airflow3.dags.current_versions import versions_of
from sched_cache_airflow.hosts.airflow3.dags.dag import CompactSerializedDAG
from sched_cache_airflow.hosts.airflow3.vocabulary import VOCABULARY
from sched_cache_airflow.hosts.contract import DECISIONS

_MAX_RUNS = 50_000


class Reconciler:
    """The runs that are known to agree with a content. Only the thread that schedules uses it."""

    def __init__(self, contents: ResidentDags) -> None:
        self._contents = contents
        # By `DagRun.id`: run_id, version, hash. The run_id is needed because SQLite reuses the id of a run that was
        # rolled back.
        self._agreed: LRUCache[int, tuple[str, Any, str]] = LRUCache(_MAX_RUNS)
        self.n_compared = 0
        self.n_reconciled = 0

    def agrees(self, dag_run: Any, version_id: Any, dag_hash: str | None) -> bool:
        """Whether the run was found to have the task instances of this content."""
        return dag_hash is not None and self._agreed.get(dag_run.id) == (dag_run.run_id, version_id, dag_hash)

    def created(self, dag_run: Any, version_id: Any) -> None:
        """Notes that the host has just given a new run every task instance that `dag_run.dag` has.

        The note is about the content, because the version may have another content in the next loop. A run that the
        host verifies because its task instances have no version, or an older one, is not new.
        """
        dag = dag_run.dag
        is_new = dag_run.last_scheduling_decision is None and dag_run.created_dag_version_id == version_id
        # After an error the host rolls back and continues, and the run does not exist.
        if is_new and isinstance(dag, CompactSerializedDAG) and inspect(dag_run).persistent:
            self._agree(dag_run, version_id, dag.compact.label("dag_hash"))

    def _agree(self, dag_run: Any, version_id: Any, dag_hash: str | None) -> None:
        if dag_hash is not None:
            self._agreed[dag_run.id] = (dag_run.run_id, version_id, dag_hash)

    def reconcile(self, dag_run: Any, session: Session) -> None:
        """Gives the run the task instances of its content, before decisions are made from them.

        Cost: nothing when the run is known to agree, else one query.
        """
        versions = versions_of(session)
        dag = dag_run.dag
        if versions is None or not isinstance(dag, CompactSerializedDAG) or VOCABULARY.doubt(DECISIONS):
            return
        version_id = versions.version_of_run(dag_run, session)
        dag_hash = versions.hash_of(version_id, session)
        if dag_hash is None or self.agrees(dag_run, version_id, dag_hash):
            return
        self.n_compared += 1
        present, restorable, version_ids = _task_ids(dag_run, session)
        if not present <= set(dag.compact.task_ids):
            # The task instances may be newer than the versions that were read at the start of the loop. Only the
            # current content may mark a task as removed.
            versions.read([dag_run.dag_id], [version_id], session)
            version_id = versions.version_of_run(dag_run, session)
            dag_hash = versions.hash_of(version_id, session)
            current = dag_hash and self._contents.get(version_id, dag_hash, False, session)
            if not current:
                return
            dag = dag_run.dag = current
        wanted = set(dag.compact.task_ids)
        if wanted - present or wanted & restorable:
            self.n_reconciled += 1
            dag_run.verify_integrity(dag_version_id=version_id, session=session)
            if wanted - present:
                version_ids.add(version_id)
        # If no instance has the version, the host must verify the run, which sets the version of unfinished instances.
        # A run that was migrated from Airflow 2 has none, and its tasks cannot be sent to an executor.
        if version_id in version_ids:
            self._agree(dag_run, version_id, dag_hash)
        else:
            self.forget(dag_run)

    def forget(self, dag_run: Any) -> None:
        """Lets the next loop compare the run again."""
        self._agreed.pop(dag_run.id, None)


def _task_ids(dag_run: Any, session: Session) -> tuple[set[str], set[str], set[Any]]:
    """(tasks with an instance, tasks whose only unmapped instance is marked as removed, versions of instances)."""
    columns = (TaskInstance.task_id, TaskInstance.state, TaskInstance.map_index, TaskInstance.dag_version_id)
    rows = session.execute(
        select(*columns).where(TaskInstance.dag_id == dag_run.dag_id, TaskInstance.run_id == dag_run.run_id)
    ).all()
    removed = {
        task_id for task_id, state, index, _ in rows if state == TaskInstanceState.REMOVED and index < 0
    }
    present = {task_id for task_id, state, _, _ in rows if state != TaskInstanceState.REMOVED}
    mapped = {task_id for task_id, _, index, _ in rows if index >= 0}
    return present | removed | mapped, removed - present, {version_id for *_, version_id in rows}

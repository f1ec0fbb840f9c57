"""The facts in the view of one DAG: its latest versions, and the content of the newest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.models.dag_version import DagVersion
from airflow.models.serialized_dag import SerializedDagModel
from airflow.utils.session import create_session
from sqlalchemy import String, cast, func, select

from sched_cache.store import Pointer
from sched_cache.store.sql import SqlStore
from sched_cache_airflow.hosts.airflow3.runtime import Process
from sched_cache_airflow.hosts.airflow3.ui.holders import Holders
from sched_cache_airflow.hosts.airflow3.ui.overview_facts import seconds_since, told
from sched_cache_airflow.reporting.page.dag_view import DagFacts, VersionFacts
from sched_cache_airflow.reporting.page.graph import graph_of
from sched_cache_airflow.reporting.reports import recent_reports

if TYPE_CHECKING:
    from sched_cache_airflow.hosts.airflow3.ui.rights import Rights

_MAX_VERSIONS = 20
_MAX_TASKS_OF_GRAPH = 50_000


def read_dag_facts(process: Process, dag_id: str, rights: Rights) -> DagFacts:
    """The facts for a user with access to the versions of the DAG. Never raises.

    Eight queries at most, three of them for the newest content, and the auth manager's.
    """
    facts = DagFacts(dag_id)
    reports: list[tuple[dict[str, Any], float]] = []
    with told(facts.troubles, "The reports of the processes could not be read"):
        facts.is_excluded = process.runtime().settings.excludes(dag_id)
        reports = recent_reports(process.runtime().settings)
    rows: list[Any] = []
    with told(facts.troubles, "Airflow's tables could not be read"):
        rows, facts.n_versions, facts.n_document_bytes = _rows(dag_id)
    pointers: dict[str, Pointer] = {}
    sizes: dict[str, tuple[int, int]] = {}
    with told(facts.troubles, "The tables of the plugin could not be read"):
        keys = [str(row.id) for row in rows]
        store = process.runtime().cache.store
        pointers = store.read_pointers(keys)
        if isinstance(store, SqlStore):
            sizes = store.content_sizes(keys)
    holders = Holders(reports)
    facts.versions = [
        _version(row, pointers.get(str(row.id)), sizes.get(str(row.id)), holders) for row in rows
    ]
    if rows and rows[0].dag_hash and not facts.is_excluded:
        with told(facts.troubles, "The content of the newest version could not be read"):
            _add_content(process, facts, rows[0], with_graph=rights.may_see_tasks(dag_id))
    return facts


def _rows(dag_id: str) -> tuple[list[Any], int, int | None]:
    """(the latest versions, newest first; the number of versions; characters of the newest document)."""
    serialized = SerializedDagModel.__table__.c
    versions = (
        select(
            DagVersion.id,
            DagVersion.version_number,
            DagVersion.created_at,
            serialized.dag_hash,
            serialized.last_updated,
        )
        .outerjoin(SerializedDagModel.__table__, serialized.dag_version_id == DagVersion.id)
        .where(DagVersion.dag_id == dag_id)
        .order_by(DagVersion.version_number.desc())
        .limit(_MAX_VERSIONS)
    )
    with create_session(scoped=False) as session:
        rows = list(session.execute(versions).all())
        if not rows:
            return [], 0, None
        n_versions = session.scalar(select(func.count()).where(DagVersion.dag_id == dag_id))
        size = func.coalesce(
            func.length(serialized.data_compressed), func.length(cast(serialized.data, String))
        )
        n_bytes = session.scalar(select(size).where(serialized.dag_version_id == rows[0].id))
    return rows, n_versions, n_bytes


def _version(
    row: Any, pointer: Pointer | None, sizes: tuple[int, int] | None, holders: Holders
) -> VersionFacts:
    n_hot_bytes, n_cold_bytes = sizes or (None, None)
    return VersionFacts(
        number=row.version_number,
        dag_hash=row.dag_hash,
        seconds_ago=seconds_since(row.last_updated or row.created_at),
        resident_in=holders.of(row.id),
        parsed_seq=pointer.parsed_seq if pointer else None,
        published_version=pointer.version if pointer else None,
        content_hash=pointer.content_hash if pointer else None,
        n_hot_bytes=n_hot_bytes,
        n_cold_bytes=n_cold_bytes,
    )


def _add_content(process: Process, facts: DagFacts, row: Any, *, with_graph: bool) -> None:
    """The content from memory, the shared tiers or Airflow's row, as for any other page of the UI."""
    contents = process.runtime().contents
    with create_session(scoped=False) as session:
        dag = contents.get(row.id, row.dag_hash, True, session)
    if with_graph and dag is not None and dag.compact.n_tasks <= _MAX_TASKS_OF_GRAPH:
        facts.graph = graph_of(dag.compact.task_ids, dag.compact.downstream)
    entry = contents.l1.entries.get(f"{row.id}+links")
    if entry is not None:
        facts.n_resident_bytes = entry.resident.nbytes

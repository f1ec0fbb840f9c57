"""The DAGs stored by Airflow 2.11: one content for each DAG, rewritten in place."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from airflow.models.serialized_dag import SerializedDagModel
from sqlalchemy import select
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from sched_cache.format import CompactDag
from sched_cache_airflow.dags.resident_dags import document_of
from sched_cache_airflow.hosts.airflow2.dags.dag import CompactSerializedDAG, dag_of_compact
from sched_cache_airflow.hosts.airflow2.dags.operator import CompactOperator
from sched_cache_airflow.hosts.shared import keys

_ROW = SerializedDagModel.__table__.c


class StoredContents:
    """The contents in the host's database. The only version of a DAG is named by its id, in our tables with a prefix.

    Without the prefix, a key could be equal to that of another program with DAGs in the same tables: Airflow 3 after an
    upgrade, or schedulers of 1.10.
    """

    fields = CompactOperator._fields_of_host
    dag_class = CompactSerializedDAG

    def read(self, version_id: Any, reader: Session | Connection) -> tuple[dict[str, Any], str] | None:
        """(document, hash) of the row as it is now; None if there is none. One query, no ORM entity."""
        query = select(_ROW.data, _ROW.data_compressed, _ROW.dag_hash).where(_ROW.dag_id == version_id)
        row = reader.execute(query.execution_options(autoflush=False)).one_or_none()
        document = None if row is None else document_of(row[0], row[1])
        return None if row is None or document is None else (document, row[2])

    def hash_of(self, version_id: Any, reader: Connection) -> str | None:
        """The hash of the row as it is now; None if there is none. One query."""
        found: str | None = reader.scalar(select(_ROW.dag_hash).where(_ROW.dag_id == version_id))
        return found

    def present(self, version_ids: Collection[Any], reader: Connection) -> set[Any]:
        """The DAGs that have a row. One query."""
        return set(reader.scalars(select(_ROW.dag_id).where(_ROW.dag_id.in_(list(version_ids)))))

    def current(self, after: str, limit: int, reader: Connection) -> list[tuple[str, Any, str]]:
        """(DAG, version, hash) of the current content of the first `limit` DAGs whose ids are greater. One query."""
        query = (
            select(_ROW.dag_id, _ROW.dag_hash).where(_ROW.dag_id > after).order_by(_ROW.dag_id).limit(limit)
        )
        return [(dag_id, dag_id, dag_hash) for dag_id, dag_hash in reader.execute(query)]

    def dag_of(self, compact: CompactDag, *, load_op_links: bool) -> CompactSerializedDAG | None:
        """The host's object; None for a document that only the host's own path reads."""
        return dag_of_compact(compact, load_op_links=load_op_links)

    def version_of_row(self, row: Any) -> Any:
        """The id of its DAG."""
        return row.dag_id

    def key_of(self, version_id: Any) -> str:
        """The id with the prefix."""
        return f"{keys.AIRFLOW_2}{version_id}"

    def version_of(self, key: str) -> str | None:
        """The id; None for a key of another program."""
        return key.removeprefix(keys.AIRFLOW_2) if key.startswith(keys.AIRFLOW_2) else None

    def is_left_over(self, key: str) -> bool:
        """Never: there was no plugin for Airflow 1."""
        return False

    def noted(self, text: str) -> str:
        """The id itself."""
        return text

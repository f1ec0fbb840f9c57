"""The DAGs stored by Airflow 3: a content for each version, rewritten in place while the version has no run."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from airflow.models.serialized_dag import SerializedDagModel
from sqlalchemy import select
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from sched_cache.format import CompactDag
from sched_cache_airflow.dags.resident_dags import document_of
from sched_cache_airflow.hosts.airflow3.dags.current_versions import Versions
from sched_cache_airflow.hosts.airflow3.dags.dag import CompactSerializedDAG, dag_of_compact
from sched_cache_airflow.hosts.airflow3.dags.operator import CompactOperator
from sched_cache_airflow.hosts.shared import keys

_ROW = SerializedDagModel.__table__.c


class StoredContents:
    """The contents in the host's database. A version is named by a UUID, and by the same in our tables."""

    fields = CompactOperator._fields_of_host
    dag_class = CompactSerializedDAG

    def read(self, version_id: Any, reader: Session | Connection) -> tuple[dict[str, Any], str] | None:
        """(document, hash) of the row as it is now; None if there is none. One query, no ORM entity."""
        query = select(_ROW.data, _ROW.data_compressed, _ROW.dag_hash).where(
            _ROW.dag_version_id == version_id
        )
        # Without a flush of the caller's session, which an error would leave broken.
        row = reader.execute(query.execution_options(autoflush=False)).one_or_none()
        document = None if row is None else document_of(row[0], row[1])
        return None if row is None or document is None else (document, row[2])

    def hash_of(self, version_id: Any, reader: Connection) -> str | None:
        """The hash of the row as it is now; None if there is none. One query."""
        found: str | None = reader.scalar(select(_ROW.dag_hash).where(_ROW.dag_version_id == version_id))
        return found

    def present(self, version_ids: Collection[Any], reader: Connection) -> set[Any]:
        """The versions that have a row. One query."""
        column = _ROW.dag_version_id
        return {UUID(str(found)) for found in reader.scalars(select(column).where(column.in_(version_ids)))}

    def current(self, after: str, limit: int, reader: Connection) -> list[tuple[str, Any, str]]:
        """(DAG, version, hash) of the latest content of the first `limit` DAGs whose ids are greater. Two queries."""
        column = _ROW.dag_id
        query = select(column).where(column > after).group_by(column).order_by(column).limit(limit)
        dag_ids = list(reader.scalars(query))
        if not dag_ids:
            return []
        versions = Versions()
        versions.read_by(reader, dag_ids, ())
        found = ((dag_id, versions.latest[dag_id]) for dag_id in dag_ids)
        return [
            (dag_id, latest.version_id, latest.dag_hash)
            for dag_id, latest in found
            if latest and latest.dag_hash
        ]

    def dag_of(self, compact: CompactDag, *, load_op_links: bool) -> CompactSerializedDAG | None:
        """The host's object; None for a document that only the host's own path reads."""
        return dag_of_compact(compact, load_op_links=load_op_links)

    def version_of_row(self, row: Any) -> Any:
        """The UUID of its version."""
        return row.dag_version_id

    def key_of(self, version_id: Any) -> str:
        """The UUID as text."""
        return str(version_id)

    def version_of(self, key: str) -> UUID | None:
        """The UUID; None for a key of another program."""
        found = self.noted(key)
        return found if str(found) == key else None

    def is_left_over(self, key: str) -> bool:
        """A key of Airflow 2, from before the upgrade of the metadata database."""
        return key.startswith(keys.AIRFLOW_2)

    def noted(self, text: str) -> UUID | None:
        """The UUID, with dashes or without; None for other text."""
        try:
            return UUID(text)
        except ValueError:
            return None

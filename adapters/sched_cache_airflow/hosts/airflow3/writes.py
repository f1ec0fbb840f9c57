"""Writes to the contents of Airflow 3: the rows of versions, to which deletions of versions and DAGs cascade."""

from __future__ import annotations

from typing import Any

from sqlalchemy import String, Table, cast, column, select, table
from sqlalchemy.orm import ORMExecuteState

from sched_cache.config import Config
from sched_cache_airflow.sharing.write_events import rows_of, table_of
from sched_cache_airflow.sharing.written_table import MAX_VERSION_ID_LENGTH, written_table

_VERSION = table("dag_version", column("id"), column("dag_id"))


class VersionWrites:
    """Names are version ids."""

    column = "dag_version_id"

    def table(self, config: Config) -> Table:
        """The table, under the prefix and in the schema of the others; nothing is created."""
        return written_table(config)

    def of_row(self, row: Any) -> str | None:
        """The version of a row of `serialized_dag`."""
        return None if row.dag_version_id is None else str(row.dag_version_id)

    def of_statement(self, state: ORMExecuteState) -> Any:
        """The versions with a content that the statement changes. Of the table `dag`, only deletions count."""
        written, name = table_of(state)
        if name == "serialized_dag":
            return rows_of(state, select(_as_text(written.c.dag_version_id)))
        if name == "dag_version" and state.is_delete:
            return rows_of(state, select(_as_text(written.c.id)))
        if name == "dag" and state.is_delete:
            dag_ids = rows_of(state, select(written.c.dag_id))
            return select(_as_text(_VERSION.c.id)).where(_VERSION.c.dag_id.in_(dag_ids))
        return None


def _as_text(version_id: Any) -> Any:
    return cast(version_id, String(MAX_VERSION_ID_LENGTH))

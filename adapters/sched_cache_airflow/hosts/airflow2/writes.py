"""Writes to the contents of Airflow 2: the row of a DAG, to which no other deletion cascades."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Table, select
from sqlalchemy.orm import ORMExecuteState

from sched_cache.config import Config
from sched_cache_airflow.sharing.write_events import rows_of, table_of
from sched_cache_airflow.sharing.written_table import written_dag_table


class DagWrites:
    """Names are DAG ids."""

    column = "dag_id"

    def table(self, config: Config) -> Table:
        """The table, under the prefix and in the schema of the others; nothing is created."""
        return written_dag_table(config)

    def of_row(self, row: Any) -> str | None:
        """The DAG of a row of `serialized_dag`."""
        dag_id: str | None = row.dag_id
        return dag_id

    def of_statement(self, state: ORMExecuteState) -> Any:
        """The DAGs with a content that the statement changes."""
        written, name = table_of(state)
        return rows_of(state, select(written.c.dag_id)) if name == "serialized_dag" else None

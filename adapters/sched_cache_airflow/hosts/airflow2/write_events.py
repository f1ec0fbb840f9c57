"""Writes to the contents of Airflow 2.11: the row of a DAG, which no deletion of another row takes along."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import ORMExecuteState

from sched_cache_airflow.process.state import ProcessState
from sched_cache_airflow.sharing.write_events import WriteEvents, rows_of, table_of


class DagWrites:
    """Names are DAG ids."""

    column = "dag_id"

    def of_row(self, row: Any) -> str | None:
        """The DAG of a row of `serialized_dag`."""
        dag_id: str | None = row.dag_id
        return dag_id

    def of_statement(self, state: ORMExecuteState) -> Any:
        """Those whose content the statement changes."""
        written, name = table_of(state)
        return rows_of(state, select(written.c.dag_id)) if name == "serialized_dag" else None


def _runtime() -> ProcessState:
    # Commands that write import neither bag nor scheduler before.
    from sched_cache_airflow.hosts.airflow2.runtime import runtime

    return runtime()


write_events = WriteEvents(DagWrites(), _runtime)
"""Those of this process."""

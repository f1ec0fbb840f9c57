"""`SerializedDagModel`: rows that bring their DAG without deserializing their document, if this process has it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import inspect
from sqlalchemy.orm import object_session

from sched_cache_airflow.process_state import ProcessState


def dag_property(
    stock: property, runtime: Callable[[], ProcessState], version_of: Callable[[Any], Any]
) -> property:
    """`SerializedDagModel.dag`: by the version and the hash of the same row.

    Args:
        version_of: what names the version of a row.
    """

    def get(row: Any) -> Any:
        found = _compact_dag(row, runtime(), version_of(row))
        return stock.fget(row) if found is None else found  # type: ignore[misc]  # the host's has a getter

    return property(get, doc=stock.__doc__)


def _compact_dag(row: Any, state: ProcessState, version_id: Any) -> Any:
    row_state: Any = inspect(row)
    session = object_session(row)
    # A row that is about to be written has a hash that the database does not know yet.
    if session is None or not row_state.persistent or row_state.modified:
        return None
    if not version_id or not row.dag_hash or state.settings.excludes(row.dag_id):
        return None
    try:
        found = state.contents.get(version_id, row.dag_hash, bool(row.load_op_links), session)
    except Exception as error:
        state.fallbacks.note("stored dag", error)
        return None
    if found is not None and found.compact.label("dag_hash") != row.dag_hash:
        return None  # rewritten since the row was read: the caller works with the row it has
    return found

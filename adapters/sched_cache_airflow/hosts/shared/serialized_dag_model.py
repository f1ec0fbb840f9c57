"""`SerializedDagModel`: the DAG of a row, without deserializing its document if this process has the DAG."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import inspect
from sqlalchemy.orm import object_session

from sched_cache_airflow.patching.guard import STORED_DAG, falls_back
from sched_cache_airflow.process.host_process import HostProcess


def dag(stock: property, process: HostProcess[Any]) -> property:
    """`SerializedDagModel.dag`: by the version and the hash of the same row."""
    version_of = process.host.contents.version_of_row

    def get(row: Any) -> Any:
        found = _compact_dag(row, process, version_of)
        # A new object each time, as in the host: the caller may change it.
        return stock.fget(row) if found is None else found.fresh()  # type: ignore[misc]  # the host's has a getter

    return property(get, doc=stock.__doc__)


def _compact_dag(row: Any, process: HostProcess[Any], version_of: Callable[[Any], Any]) -> Any:
    """The DAG of the row as it was loaded; None if the host has to create it."""
    row_state: Any = inspect(row)
    loaded = row_state.dict
    # A row that will be written has a hash that the database does not have yet.
    if row_state.modified or not (row_state.persistent or row_state.detached):
        return None
    if loaded.get("_SerializedDagModel__data_cache") is not None:
        return None  # the document is in use, and may have been changed
    session = object_session(row)
    if session is None and "dag_hash" not in loaded:
        return None
    version_id, dag_hash = version_of(row), row.dag_hash
    state = process.runtime()
    try:
        if not version_id or not dag_hash or state.settings.excludes(row.dag_id):
            return None
        load_op_links = bool(row.load_op_links)
        if session is None:  # only DAGs in memory, because there is no transaction for a query
            return state.contents.resident(version_id, dag_hash, load_op_links)
        found = state.contents.get(version_id, dag_hash, load_op_links, session)
    except Exception as error:
        if not falls_back(error, STORED_DAG, state.fallbacks.note):
            raise
        return None
    if found is not None and found.compact.label("dag_hash") != dag_hash:
        return None  # rewritten since the row was read; the caller uses the row that it has
    return found

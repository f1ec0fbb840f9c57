"""`SerializedDagModel`: rows that bring their DAG without their document, if this process has it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import inspect
from sqlalchemy.orm import defer, object_session

from sched_cache_airflow.airflow3.runtime import runtime

Method = Callable[..., Any]


def dag(stock: property) -> property:
    """`SerializedDagModel.dag`: by the version and the hash of the same row."""

    def get(self: Any) -> Any:
        found = _compact_dag(self)
        return stock.fget(self) if found is None else found  # type: ignore[misc]  # the host's has a getter

    return property(get, doc=stock.__doc__)


def _compact_dag(row: Any) -> Any:
    row_state = inspect(row)
    session = object_session(row)
    # A row that is about to be written has a hash that the database does not know yet.
    if session is None or not row_state.persistent or row_state.modified:
        return None
    state = runtime()
    if not row.dag_version_id or not row.dag_hash or state.settings.excludes(row.dag_id):
        return None
    try:
        found = state.contents.get(row.dag_version_id, row.dag_hash, bool(row.load_op_links), session)
    except Exception as error:
        state.fallbacks.note("stored dag", error)
        return None
    if found is not None and found.compact.label("dag_hash") != row.dag_hash:
        return None  # rewritten since the row was read: the caller works with the row it has
    return found


def without_document(stock: Method) -> Method:
    """A select of rows, the document left out: it is read when somebody asks for it after all."""

    def select_rows(cls: Any, *args: Any, **kwargs: Any) -> Any:
        return stock(cls, *args, **kwargs).options(defer(cls._data), defer(cls._data_compressed))

    return select_rows


def latest_rows(stock: Method) -> Method:
    """`SerializedDagModel.get_latest_serialized_dags`: asked about no DAG in most loops, and then without a query."""

    def get_latest_serialized_dags(cls: Any, *, dag_ids: Any, **options: Any) -> Any:
        return stock(cls, dag_ids=dag_ids, **options) if dag_ids else []

    return get_latest_serialized_dags

"""`SerializedDagModel` of Airflow 3: its rows, and the queries for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy.orm import defer

from sched_cache_airflow.airflow3.runtime import runtime
from sched_cache_airflow.stored_dag import dag_property

Method = Callable[..., Any]


def dag(stock: property) -> property:
    """`SerializedDagModel.dag`, by the version."""
    return dag_property(stock, runtime, lambda row: row.dag_version_id)


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

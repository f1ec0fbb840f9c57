"""`SerializedDagModel` of Airflow 2.11: its rows."""

from __future__ import annotations

from sched_cache_airflow.hosts.airflow2.runtime import runtime
from sched_cache_airflow.hosts.shared.serialized_dag_model import dag_property


def dag(stock: property) -> property:
    """`SerializedDagModel.dag`, by the id of the DAG."""
    return dag_property(stock, runtime, lambda row: row.dag_id)

"""The creation of runs, without the sums and objects that Airflow 2.11 computes again for each task instance."""

from __future__ import annotations

from typing import Any

from airflow.task.priority_strategy import airflow_priority_weight_strategies

from sched_cache_airflow.hosts.airflow2.dags.dag import CompactSerializedDAG
from sched_cache_airflow.hosts.airflow2.runtime import runtime
from sched_cache_airflow.patching.fallback import Fallbacks
from sched_cache_airflow.run_creation.new_task_instances import Method, lean_insert_mapping
from sched_cache_airflow.run_creation.priority_weight import LookedUpWeights


def _fallbacks() -> Fallbacks:
    return runtime().fallbacks


weights = LookedUpWeights(CompactSerializedDAG, _fallbacks)


def insert_mapping(stock: Any) -> Method:
    """`TaskInstance.insert_mapping`."""
    own_rules = frozenset(airflow_priority_weight_strategies.values())
    return lean_insert_mapping(stock, CompactSerializedDAG, own_rules, _fallbacks)

"""The creation of runs, without the sums and objects that the hosts compute again for each task instance."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sched_cache_airflow.patching.fallback import Fallbacks
from sched_cache_airflow.process.host_process import HostProcess
from sched_cache_airflow.run_creation.new_task_instances import Method, lean_insert_mapping
from sched_cache_airflow.run_creation.priority_weight import LookedUpWeights


def downstream_weight(stock: Method, process: HostProcess[Any]) -> Method:
    """`_DownstreamPriorityWeightStrategy.get_weight`."""
    return LookedUpWeights(process.host.contents.dag_class, _fallbacks_of(process)).downstream(stock)


def upstream_weight(stock: Method, process: HostProcess[Any]) -> Method:
    """`_UpstreamPriorityWeightStrategy.get_weight`."""
    return LookedUpWeights(process.host.contents.dag_class, _fallbacks_of(process)).upstream(stock)


def insert_mapping(stock: Any, process: HostProcess[Any]) -> Method:
    """`TaskInstance.insert_mapping`."""
    host = process.host
    return lean_insert_mapping(stock, host.contents.dag_class, host.weight_rules(), _fallbacks_of(process))


def _fallbacks_of(process: HostProcess[Any]) -> Callable[[], Fallbacks]:
    def fallbacks() -> Fallbacks:
        found: Fallbacks = process.runtime().fallbacks
        return found

    return fallbacks

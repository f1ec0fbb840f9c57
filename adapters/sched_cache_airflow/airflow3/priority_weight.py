"""The weight of a task together with all tasks below or above it, looked up instead of added up.

The host walks the graph for each task instance it creates, three times for an expanded one. The compact form has the
sums, made once when it was encoded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sched_cache.errors import SchedCacheError
from sched_cache.format import ABSENT
from sched_cache_airflow.airflow3.dag import CompactSerializedDAG
from sched_cache_airflow.airflow3.runtime import runtime

Method = Callable[..., Any]


def downstream(stock: Method) -> Method:
    """`_DownstreamPriorityWeightStrategy.get_weight`."""
    return _looked_up(stock, "weight.downstream")


def upstream(stock: Method) -> Method:
    """`_UpstreamPriorityWeightStrategy.get_weight`."""
    return _looked_up(stock, "weight.upstream")


def _looked_up(stock: Method, column: str) -> Method:
    """A strategy of a site that derives from the host's gets its sums the same way, and adds to them what it likes."""

    def get_weight(self: Any, ti: Any) -> Any:
        dag = ti.task.get_dag()
        if type(dag) is CompactSerializedDAG:
            compact = dag.compact
            try:
                weight = compact.derived_column(column)[compact.index(ti.task.task_id)]
                if weight is not ABSENT:
                    return weight
            except (KeyError, SchedCacheError) as error:
                runtime().fallbacks.note("priority weight", error)
        return stock(self, ti)

    return get_weight

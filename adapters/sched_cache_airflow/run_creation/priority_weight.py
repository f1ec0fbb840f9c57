"""Looks up the weight of a task together with all tasks below or above it.

The hosts compute this sum for each task instance that they create, three times for an expanded one, by walking through
the graph. The compact form has the sums of all tasks, which were computed when it was encoded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sched_cache.format import ABSENT
from sched_cache_airflow.patching.fallback import Fallbacks
from sched_cache_airflow.patching.guard import PRIORITY_WEIGHT, falls_back

Method = Callable[..., Any]


class LookedUpWeights:
    """The replacements of the host's two strategies."""

    def __init__(self, dag_class: type[Any], fallbacks: Callable[[], Fallbacks]) -> None:
        """
        Args:
            dag_class: the class of DAGs over the compact form, which they have as `compact`. The host handles others.
            fallbacks: returns the fallbacks of the process.
        """
        self._dag_class = dag_class
        self._fallbacks = fallbacks

    def downstream(self, stock: Method) -> Method:
        """`_DownstreamPriorityWeightStrategy.get_weight`."""
        return self._looked_up(stock, "weight.downstream")

    def upstream(self, stock: Method) -> Method:
        """`_UpstreamPriorityWeightStrategy.get_weight`."""
        return self._looked_up(stock, "weight.upstream")

    def _looked_up(self, stock: Method, column: str) -> Method:
        """A site's strategy that derives from the host's gets its sums in the same way."""

        def get_weight(strategy: Any, ti: Any) -> Any:
            dag = ti.task.get_dag()
            if type(dag) is self._dag_class:
                compact = dag.compact
                try:
                    weight = compact.derived_column(column)[compact.index(ti.task.task_id)]
                    if weight is not ABSENT:
                        return weight
                except Exception as error:
                    if not falls_back(error, PRIORITY_WEIGHT, self._fallbacks().note):
                        raise
            return stock(strategy, ti)

        return get_weight

"""Rows for the task instances of a new run, without an ORM object for each that is thrown away at once.

The host's `TaskInstance.insert_mapping` makes one only to ask the weight rule, and it is most of what a row costs.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any

from airflow import settings
from airflow.task.priority_strategy import get_airflow_priority_weight_strategies

from sched_cache_airflow.airflow3.dag import CompactSerializedDAG
from sched_cache_airflow.airflow3.runtime import runtime

Method = Callable[..., Any]


class _OfTask:
    """All that the host's own weight rules read of a task instance."""

    __slots__ = ("task",)

    def __init__(self, task: Any, **_: Any) -> None:
        self.task = task


def insert_mapping(stock: Any) -> Method:
    """`TaskInstance.insert_mapping`: the host's own code, in which `TaskInstance` is the smaller class.

    A weight rule of the site gets a real task instance, and so does a mutation hook. DAGs that are not ours stay on
    the host's path.
    """
    lean = FunctionType(stock.__code__, {**stock.__globals__, "TaskInstance": _OfTask}, stock.__name__)
    lean.__kwdefaults__ = stock.__kwdefaults__
    own_rules = frozenset(get_airflow_priority_weight_strategies().values())

    def insert_mapping(run_id: str, task: Any, map_index: int, **others: Any) -> Any:
        is_hook_noop = getattr(settings.task_instance_mutation_hook, "is_noop", False)
        is_ours = type(task.get_dag()) is CompactSerializedDAG
        if is_ours and is_hook_noop and type(task.weight_rule) in own_rules:
            try:
                return lean(run_id, task, map_index, **others)
            except Exception as error:
                runtime().fallbacks.note("insert_mapping", error)
        return stock(run_id, task, map_index, **others)

    return insert_mapping

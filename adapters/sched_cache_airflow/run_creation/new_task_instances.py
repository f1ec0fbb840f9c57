"""Rows for the task instances of a new run, without a temporary ORM object for each of them.

The host's `TaskInstance.insert_mapping` creates that object only for the weight rule. It is most of the cost of a row.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from types import FunctionType
from typing import Any

from sched_cache_airflow.patching.fallback import Fallbacks
from sched_cache_airflow.patching.guard import INSERT_MAPPING, falls_back

Method = Callable[..., Any]


class OfTask:
    """The part of a task instance that the host's own weight rules read."""

    __slots__ = ("task",)

    def __init__(self, task: Any, **_: Any) -> None:
        self.task = task


def lean_insert_mapping(
    stock: Any, dag_class: type[Any], own_rules: Collection[type], fallbacks: Callable[[], Fallbacks]
) -> Method:
    """`TaskInstance.insert_mapping`: the host's own code, in which `TaskInstance` is the smaller class.

    A weight rule or a mutation hook of the site gets a real task instance. DAGs of the host's class take the host's own
    path.

    Args:
        dag_class: the class of DAGs over the compact form.
        own_rules: the host's weight rules.
        fallbacks: returns the fallbacks of the process.
    """
    from airflow import settings

    lean = FunctionType(stock.__code__, {**stock.__globals__, "TaskInstance": OfTask}, stock.__name__)
    lean.__kwdefaults__ = stock.__kwdefaults__

    def insert_mapping(run_id: str, task: Any, map_index: int, **others: Any) -> Any:
        is_hook_noop = getattr(settings.task_instance_mutation_hook, "is_noop", False)
        is_ours = type(task.get_dag()) is dag_class
        if is_ours and is_hook_noop and type(task.weight_rule) in own_rules:
            try:
                return lean(run_id, task, map_index, **others)
            except Exception as error:
                if not falls_back(error, INSERT_MAPPING, fallbacks().note):
                    raise
        return stock(run_id, task, map_index, **others)

    return insert_mapping

"""The fields that a task instance takes from its task, read from a compact DAG.

Policies that change task instances (`task_instance_mutation_hook`) have an effect on Airflow's rows alone.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from sched_cache.format import ABSENT, CompactDag


class TaskFields(NamedTuple):
    """The values that the host's `TaskInstance.refresh_from_task` sets."""

    pool: str
    queue: str
    priority_weight: Any
    run_as_user: str | None
    executor: str | None
    executor_config: Any


def task_fields(dag: CompactDag, task_id: str) -> TaskFields:
    """The fields of one task. Cost: a few look-ups.

    Raises:
        KeyError: the DAG has no such task.
    """
    index = dag.index(task_id)
    config = dag.effective(index, "executor_config")
    return TaskFields(
        pool=dag.effective(index, "pool"),
        queue=dag.effective(index, "queue"),
        priority_weight=_total_weight(dag, index),
        run_as_user=dag.effective(index, "run_as_user"),
        executor=dag.effective(index, "executor"),
        executor_config=_plain(config) or {},
    )


def _total_weight(dag: CompactDag, index: int) -> Any:
    total = dag.derived_column(f"weight.{dag.effective(index, 'weight_rule')}")[index]
    # `absolute`, a strategy of the operator's own, or a graph with a cycle.
    return dag.effective(index, "priority_weight") if total is ABSENT else total


def _plain(value: Any) -> Any:
    """`value` without the wrapping of serialized mappings. Other wrapped values stay as they are."""
    if isinstance(value, dict):
        if value.get("__type") == "dict":
            value = value["__var"]
        return {name: _plain(inner) for name, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value

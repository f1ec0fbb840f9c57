"""DAGs whose every edit replaces one task by a new one, so that no two contents of a DAG have the same tasks."""

from __future__ import annotations

from typing import Any

from sched_cache_airflow.certification.dag_document import TaskSpec, document_of

DAG_IDS = tuple(f"edited_{number}" for number in range(4))
_LAYERS, _PER_LAYER = 3, 4


def content(host: Any, dag_id: str, generation: int) -> dict[str, Any]:
    """The document of this generation. `host`: as `document_of` has it."""
    names = [[f"layer_{layer}_{number}" for number in range(_PER_LAYER)] for layer in range(_LAYERS)]
    fields = {"retries": 2, "retry_delay": 0.1}
    tasks = [TaskSpec(f"only_{generation}", names[1], fields=fields)]
    for layer, below in zip(names, [*names[1:], []], strict=True):
        tasks += [TaskSpec(name, below, fields=fields) for name in layer]
    tasks[1] = TaskSpec(names[0][0], [f"only_{generation}", *names[1]], fields=fields)
    document = document_of(tasks, host, dag_id)
    document["dag"] |= {"max_active_runs": 1000, "max_active_tasks": 10_000}
    return document


def task_ids(document: dict[str, Any]) -> list[str]:
    return [task["__var"]["task_id"] for task in document["dag"]["tasks"]]

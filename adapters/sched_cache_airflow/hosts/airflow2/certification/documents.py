"""Documents as the installed release writes them."""

from __future__ import annotations

from functools import cache
from typing import Any

from airflow.models.dag import DAG
from airflow.models.mappedoperator import MappedOperator
from airflow.operators.empty import EmptyOperator
from airflow.sensors.base import BaseSensorOperator
from airflow.serialization.serialized_objects import SerializedDAG


@cache
def _written() -> dict[str, Any]:
    """A DAG of one task, as the installed release writes it."""
    dag = DAG("one", schedule=None)
    EmptyOperator(task_id="task", dag=dag)
    document: dict[str, Any] = SerializedDAG.to_dict(dag)["dag"]
    return document


@cache
def _dependencies_of_sensors(is_mapped: bool) -> list[str]:
    """The classes of their dependencies, which a document has where they differ from those of other operators."""
    deps = MappedOperator.deps_for(BaseSensorOperator) if is_mapped else BaseSensorOperator.deps
    return sorted(f"{type(dep).__module__}.{type(dep).__qualname__}" for dep in deps)


def as_installed(document: dict[str, Any]) -> dict[str, Any]:
    """The document with the dependencies of its sensors, and without what releases before 2.10 do not read: envelopes
    of tasks, and a list of parameters."""
    dag = document["dag"]
    for task in dag["tasks"]:
        fields = task.get("__var", task)
        if fields.pop("_is_sensor", False):
            fields["deps"] = _dependencies_of_sensors(bool(fields.get("_is_mapped")))
    if "__type" not in _written()["tasks"][0]:
        dag["tasks"] = [task.get("__var", task) for task in dag["tasks"]]
    if isinstance(_written().get("params"), dict):
        for owner in (dag, *dag["tasks"]):
            if isinstance(owner.get("params"), list):
                owner["params"] = dict(owner["params"])
    return document

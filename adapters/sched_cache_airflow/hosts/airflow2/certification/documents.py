"""Documents as the installed release writes them."""

from __future__ import annotations

from functools import cache
from typing import Any

from airflow.models.dag import DAG
from airflow.operators.empty import EmptyOperator
from airflow.serialization.serialized_objects import SerializedDAG


@cache
def _written() -> dict[str, Any]:
    """A DAG of one task, as the installed release writes it."""
    dag = DAG("one", schedule=None)
    EmptyOperator(task_id="task", dag=dag)
    document: dict[str, Any] = SerializedDAG.to_dict(dag)["dag"]
    return document


def as_installed(document: dict[str, Any]) -> dict[str, Any]:
    """The document, without what releases before 2.10 do not read: envelopes of tasks, and a list of parameters."""
    dag = document["dag"]
    if "__type" not in _written()["tasks"][0]:
        dag["tasks"] = [task.get("__var", task) for task in dag["tasks"]]
    if isinstance(_written().get("params"), dict):
        for owner in (dag, *dag["tasks"]):
            if isinstance(owner.get("params"), list):
                owner["params"] = dict(owner["params"])
    return document

"""The benchmarks' generated documents are those that the real Airflow 3.3 stores for the same DAGs."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

pytest.importorskip("airflow.sdk")

from bench.sdk_dag import build_dag
from bench.serialized import document_of
from bench.shapes import SHAPES, make_shape

SIZES = (5, 10, 37, 120)


def stored_by_airflow(dag: Any) -> Any:
    from sched_cache_airflow.hosts.airflow3.dags.serialization import DagSerialization

    return json.loads(json.dumps(DagSerialization.to_dict(dag)))


def without_paths(document: Any) -> Any:
    document = copy.deepcopy(document)
    for machine_specific in ("fileloc", "_processor_dags_folder"):
        document["dag"].pop(machine_specific)
    return document


@pytest.mark.parametrize("n_tasks", SIZES)
@pytest.mark.parametrize("name", SHAPES)
def test_document_equals_what_airflow_stores(name: str, n_tasks: int) -> None:
    """Every key and value is Airflow's own, but for the two paths of the machine; order of tasks included."""
    shape = make_shape(name, n_tasks, seed=7)
    ours, theirs = document_of(shape), stored_by_airflow(build_dag(shape))
    assert without_paths(ours) == without_paths(theirs)


@pytest.mark.parametrize("name", SHAPES)
def test_airflow_reads_the_document(name: str) -> None:
    """Airflow's own `from_dict` accepts the document and sees the same tasks and edges."""
    from sched_cache_airflow.hosts.airflow3.dags.serialization import DagSerialization

    shape = make_shape(name, 37, seed=3)
    document: Any = document_of(shape)
    dag = DagSerialization.from_dict(json.loads(json.dumps(document)))
    assert list(dag.task_dict) == [task.node_id for task in shape.tasks]
    for stored in document["dag"]["tasks"]:
        fields = stored["__var"]
        assert sorted(dag.get_task(fields["task_id"]).downstream_task_ids) == fields.get(
            "downstream_task_ids", []
        )

"""Generated DAGs: the same arguments, the same DAG; the size asked for; the edges the shape promises."""

from __future__ import annotations

from typing import Any

import pytest

from bench.serialized import generate_document, random_documents
from bench.shapes import SHAPES, make_shape


def edges_of(document: Any) -> dict[str, list[str]]:
    tasks = [task["__var"] for task in document["dag"]["tasks"]]
    return {task["task_id"]: task.get("downstream_task_ids", []) for task in tasks}


@pytest.mark.parametrize("n_tasks", [5, 6, 7, 9, 11, 64])
@pytest.mark.parametrize("name", SHAPES)
def test_a_document_is_a_dag_of_the_size_asked_for(name: str, n_tasks: int) -> None:
    """Task ids are unique, every edge ends at a task, and no edge leads back."""
    downstream = edges_of(generate_document(name, n_tasks, seed=1))
    assert len(downstream) == n_tasks
    n_upstream = dict.fromkeys(downstream, 0)
    for below in downstream.values():
        for task_id in below:
            n_upstream[task_id] += 1
    order = [task_id for task_id, count in n_upstream.items() if not count]
    for task_id in order:
        for below_id in downstream[task_id]:
            n_upstream[below_id] -= 1
            if not n_upstream[below_id]:
                order.append(below_id)
    assert len(order) == n_tasks


@pytest.mark.parametrize("name", SHAPES)
def test_same_arguments_same_document(name: str) -> None:
    """A document depends on nothing but its arguments."""
    assert generate_document(name, 50, seed=3) == generate_document(name, 50, seed=3)


def test_the_seed_changes_an_irregular_dag() -> None:
    """Only `mixed` has something to draw lots for."""
    assert generate_document("mixed", 50, seed=3) != generate_document("mixed", 50, seed=4)


def test_layers_have_ten_tasks_with_three_upstreams_each() -> None:
    """The DAG that the targets of the format are stated for."""
    downstream = edges_of(generate_document("layers", 1000))
    upstream: dict[str, int] = dict.fromkeys(downstream, 0)
    for below in downstream.values():
        for task_id in below:
            upstream[task_id] += 1
    assert sorted(upstream.values()) == [0] * 10 + [3] * 990
    assert sum(task_id.startswith("layer_7_") for task_id in downstream) == 10


def test_a_group_chain_goes_through_the_edges_of_groups() -> None:
    """A group's first tasks wait for all last tasks of the group before it."""
    downstream = edges_of(generate_document("groups", 21))
    last_of_first = [task_id for task_id in downstream if task_id.startswith("stage_0.work_")]
    assert last_of_first
    for task_id in last_of_first:
        assert downstream[task_id] == [
            "stage_1.prepare.read_0",
            "stage_1.prepare.read_1",
            "stage_1.prepare.read_2",
        ]


def test_a_shape_that_cannot_have_the_size_says_so() -> None:
    """A fan needs its two ends."""
    with pytest.raises(ValueError, match="fan cannot have 1 tasks"):
        make_shape("fan", 1)


def test_random_documents_are_as_large_as_real_ones() -> None:
    """Half of the DAGs people write have at most about five tasks."""
    sizes = sorted(len(edges_of(document)) for document in random_documents(300, seed=5))
    assert 3 <= sizes[150] <= 5
    assert 10 <= sizes[270] <= 18

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sched_cache_airflow.reporting.page.graph import Graph, drawing_of

_SVG = "svg"


def chain(n_tasks: int, width: int = 1) -> Graph:
    """`width` chains side by side."""
    ids = [f"task_{number}" for number in range(n_tasks)]
    return Graph(ids, [(at, at + width) for at in range(n_tasks - width)])


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    n_tasks = draw(st.integers(1, 30))
    index = st.integers(0, n_tasks - 1)
    return Graph([str(at) for at in range(n_tasks)], draw(st.lists(st.tuples(index, index), max_size=60)))


@given(graphs())
def test_each_task_has_one_place_behind_all_it_waits_for(graph: Graph) -> None:
    """Also where there are cycles, whose tasks come last."""
    layers = graph.layers()
    assert sorted(task for layer in layers for task in layer) == list(range(len(graph.task_ids)))
    depth = {task: number for number, layer in enumerate(layers) for task in layer}
    for upstream, downstream in graph.edges:
        is_last = depth[downstream] == len(layers) - 1
        assert depth[upstream] < depth[downstream] or is_last


@given(graphs())
def test_every_picture_is_well_formed(graph: Graph) -> None:
    """A dot for each task, a curve for each edge."""
    root = ElementTree.fromstring(drawing_of(graph).svg)
    assert len(root.findall("circle")) == len(graph.task_ids)
    assert len(root.findall("path")) == len(graph.edges)


def test_a_task_id_is_not_markup() -> None:
    """This holds for any characters."""
    root = ElementTree.fromstring(drawing_of(Graph(["<script>&'\""], [])).svg)
    assert root.findtext("circle/title") == "<script>&'\""


@pytest.mark.parametrize(("n_tasks", "width"), [(401, 1), (5_000, 50), (100, 1), (3_000, 3_000)])
def test_a_large_dag_is_shown_by_its_shape(n_tasks: int, width: int) -> None:
    """A picture of bounded size, whatever the DAG."""
    drawing = drawing_of(chain(n_tasks, width))
    drawn = drawing.svg
    assert "circle" not in drawn
    assert drawn.count("<rect") <= 180
    assert len(drawn) < 60_000
    assert f"{n_tasks:,} tasks" in drawn
    assert f"{n_tasks:,} tasks" in drawing.caption


def test_dots_stay_in_the_picture() -> None:
    """For one task, for many side by side, for many behind each other."""
    for graph in (chain(1), chain(60), chain(120, 120), Graph(["a", "b"], [(0, 1), (0, 1)])):
        root = ElementTree.fromstring(drawing_of(graph).svg)
        width, height = map(float, root.attrib["viewBox"].split()[2:])
        for dot in root.findall("circle"):
            assert 0 <= float(dot.attrib["cx"]) <= width
            assert 0 <= float(dot.attrib["cy"]) <= height

"""The picture of a DAG: its tasks from left to right by depth, or its width at each depth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from sched_cache_airflow.reporting.page.svg import tag

_WIDTH = 1100.0
_MAX_HEIGHT = 340.0
_MARGIN = 16.0
_MAX_DRAWN_TASKS, _MAX_DRAWN_EDGES = 400, 3_000
_LABEL_CHARACTERS = 16


@dataclass(frozen=True, slots=True)
class Graph:
    """task_ids by index; edges as pairs of indices. The edges may be arbitrary, and may contain cycles."""

    task_ids: Sequence[str]
    edges: Sequence[tuple[int, int]]

    def layers(self) -> list[list[int]]:
        """The tasks, grouped by the length of the longest path to them; those in a cycle are the last group."""
        waits_for = [0] * len(self.task_ids)
        below: list[list[int]] = [[] for _ in self.task_ids]
        for upstream, downstream in self.edges:
            waits_for[downstream] += 1
            below[upstream].append(downstream)
        layer = [task for task, count in enumerate(waits_for) if not count]
        layers, n_placed = [], 0
        while layer:
            layers.append(layer)
            n_placed += len(layer)
            following = []
            for task in layer:
                for other in below[task]:
                    waits_for[other] -= 1
                    if not waits_for[other]:
                        following.append(other)
            layer = following
        if n_placed < len(self.task_ids):
            layers.append([task for task, count in enumerate(waits_for) if count])
        return layers


def graph_of(task_ids: Sequence[str], downstream: Callable[[int], Sequence[int]]) -> Graph:
    """The graph of a compact DAG."""
    return Graph(task_ids, [(index, other) for index in range(len(task_ids)) for other in downstream(index)])


@dataclass(frozen=True, slots=True)
class Drawing:
    """caption: the shape in words if single tasks are not drawn."""

    svg: Markup
    caption: str = ""


def drawing_of(graph: Graph) -> Drawing:
    """The drawing that suits the size of the graph."""
    layers = graph.layers()
    can_draw = len(graph.task_ids) <= _MAX_DRAWN_TASKS and len(graph.edges) <= _MAX_DRAWN_EDGES
    if can_draw and len(layers) <= 60:
        return Drawing(_dots(graph, layers))
    return _silhouette(layers)


def _svg(height: float, label: str, *content: Markup | list[Markup]) -> Markup:
    return tag(
        "svg",
        *content,
        viewBox=f"0 0 {_WIDTH:.0f} {height:.0f}",
        preserveAspectRatio="xMinYMid",
        width="100%",
        style=f"max-height: {height:.0f}px",
        role="img",
        aria_label=label,
    )


def _dots(graph: Graph, layers: list[list[int]]) -> Markup:
    widest = max(map(len, layers), default=1)
    row_height = min(34.0, (_MAX_HEIGHT - 2 * _MARGIN) / widest)
    radius = min(6.0, row_height * 0.36)
    height = max(widest * row_height + 2 * _MARGIN, 72.0)
    step = min(150.0, (_WIDTH - 2 * _MARGIN - 90) / max(len(layers) - 1, 1))
    has_labels = step >= 110 and row_height >= 24
    places = _places(graph, layers, step, row_height, height)
    edges = [
        tag(
            "path",
            d=_curve(places[upstream], places[downstream]),
            fill="none",
            stroke="var(--soft)",
            opacity=0.35,
        )
        for upstream, downstream in graph.edges
    ]
    dots = []
    for task, (x, y) in places.items():
        task_id = graph.task_ids[task]
        dots.append(tag("circle", tag("title", task_id), cx=x, cy=y, r=radius, fill="var(--memory)"))
        if has_labels:
            shown = task_id if len(task_id) <= _LABEL_CHARACTERS else f"{task_id[: _LABEL_CHARACTERS - 1]}…"
            dots.append(tag("text", shown, x=x + radius + 4, y=y - radius - 1))
    return _svg(height, f"graph of {len(graph.task_ids)} tasks", edges, dots)


def _places(
    graph: Graph, layers: list[list[int]], step: float, row_height: float, height: float
) -> dict[int, tuple[float, float]]:
    above: dict[int, list[int]] = {}
    for upstream, downstream in graph.edges:
        above.setdefault(downstream, []).append(upstream)
    places: dict[int, tuple[float, float]] = {}

    def pull(task: int) -> float:
        heights = [places[other][1] for other in above.get(task, ()) if other in places]
        return sum(heights) / len(heights) if heights else 0.0

    for depth, layer in enumerate(layers):
        top = (height - (len(layer) - 1) * row_height) / 2
        for row, task in enumerate(sorted(layer, key=pull)):
            places[task] = (_MARGIN + depth * step, top + row * row_height)
    return places


def _curve(start: tuple[float, float], end: tuple[float, float]) -> str:
    (x, y), (to_x, to_y) = start, end
    middle = (x + to_x) / 2
    return f"M{x:.1f} {y:.1f} C{middle:.1f} {y:.1f} {middle:.1f} {to_y:.1f} {to_x:.1f} {to_y:.1f}"


def _silhouette(layers: list[list[int]]) -> Drawing:
    """The number of tasks at each depth, for DAGs with too many tasks for a dot each."""
    height, most = 150.0, max(map(len, layers), default=1)
    shown = _folded([len(layer) for layer in layers], 180)
    step = min(_WIDTH / max(len(shown), 1), 40.0)
    columns = []
    for number, n_tasks in enumerate(shown):
        tall = max((height - 24) * n_tasks / most, 1.0)
        hint = tag("title", f"depth {number}: {n_tasks:,.0f} tasks")
        columns.append(
            tag(
                "rect",
                hint,
                x=number * step,
                y=(height - tall) / 2,
                width=max(step - 1.5, 1),
                height=tall,
                rx=1.5,
                fill="var(--memory)",
            )
        )
    words = f"{sum(map(len, layers)):,} tasks at {len(layers):,} depths, {most:,} at the widest"
    return Drawing(_svg(height, words, columns), words)


def _folded(counts: list[int], n_columns: int) -> list[float]:
    """`counts`, neighbours averaged until they are no more than `n_columns`."""
    size = -(-len(counts) // n_columns) or 1
    return [sum(counts[at : at + size]) / len(counts[at : at + size]) for at in range(0, len(counts), size)]

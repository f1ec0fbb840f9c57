"""The estimated cost of a larger cluster: straight lines through the measurements."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from ..results import Results
from .rendering import render
from .wording import quantity

N_DAGS, N_NODES = 1_000_000, 50
_CHANGES_PER_SECOND = 10
_CERTIFICATIONS_PER_SECOND = 1.0  # [sched_cache] max_staleness_seconds is 1 unless told otherwise


@dataclass(frozen=True, slots=True)
class Line:
    """value = at_zero + slope * n_dags, through the two largest sizes measured."""

    at_zero: float
    slope: float

    def at(self, n_dags: float) -> float:
        return self.at_zero + self.slope * n_dags


def line_of(results: Results, metric: str, *, totals: bool = False) -> Line | None:
    """None if fewer than two sizes were measured. totals: the metric is per DAG, the line is of all."""
    points = []
    for case, parameters in results.cases().items():
        median = results.median(case, results.subjects()[0], metric)
        if median is not None:
            n_dags = float(parameters["n_dags"])
            points.append((n_dags, median * (n_dags if totals else 1.0)))
    if len(points) < 2:
        return None
    (x1, y1), (x2, y2) = sorted(points)[-2:]
    slope = (y2 - y1) / (x2 - x1)
    return Line(y1 - slope * x1, slope)


def estimate_section(results: Results) -> Markup:
    """For the suite `scale`; empty if too little was measured."""
    full, start = line_of(results, "certify_full"), line_of(results, "start")
    memory = line_of(results, "floor_bytes", totals=True)
    publish, load = line_of(results, "publish_traffic_bytes"), line_of(results, "load_traffic_bytes")
    idle = line_of(results, "certify_idle")
    if not (full and start and memory and idle):
        return Markup()
    rows = [
        ("a node's first certification", quantity(start.at(N_DAGS), "seconds")),
        ("a full certification", quantity(full.at(N_DAGS), "seconds")),
        ("memory of a node for versions alone", quantity(memory.at(N_DAGS), "bytes")),
        (
            f"certifications that the database answers, {N_NODES} nodes",
            f"{quantity(N_NODES * _CERTIFICATIONS_PER_SECOND, '')} a second, "
            f"{quantity(max(0.0, idle.at(N_DAGS)), 'seconds')} each",
        ),
    ]
    if publish and load:
        traffic = _CHANGES_PER_SECOND * (publish.at(0) + N_NODES * load.at(0))
        rows.append(
            (
                f"Redis, {_CHANGES_PER_SECOND} small DAGs a second changed and loaded by every node",
                f"{quantity(traffic, 'bytes')} a second",
            )
        )
    return render("estimate.html", n_dags=N_DAGS, n_nodes=N_NODES, rows=rows)

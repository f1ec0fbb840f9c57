"""The figures in the README, made from the results that are committed with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..interpreter import CHECKOUT
from ..results import Results, read_results
from ..suite import metric_named
from .markdown import machine_text
from .wording import compared, quantity, suite_of

COMMITTED = CHECKOUT / "bench" / "results"
README = CHECKOUT / "README.md"
BEGIN = "<!-- Figures: `python -m bench report --readme` writes them from bench/results/. -->"
END = "<!-- End of figures. -->"


@dataclass(frozen=True, slots=True)
class Figure:
    """One row: the metric in the case that has these parameters."""

    what: str
    suite: str
    metric: str
    where: str


FIGURES = (
    Figure("stored DAG of 1000 tasks to one usable task", "format", "read_task", "shape=layers n_tasks=1000"),
    Figure("memory of that DAG", "format", "resident_bytes", "shape=layers n_tasks=1000"),
    Figure(
        "bytes in Redis or the database, all of it", "format", "stored_bytes", "shape=layers n_tasks=1000"
    ),
    Figure("a DAG that the process holds, looked up", "lookup", "hit", "n_dags=500"),
    Figure("a DAG of 1000 tasks that it does not hold", "lookup", "miss_task", "n_dags=500"),
    Figure("growth of a process per DAG of 200 tasks held", "memory", "load_bytes", "n_small_tasks=200"),
    Figure("idle loop, 3 runs x 1000 tasks", "loop", "steady_seconds", "n_dags=3 n_tasks=1000"),
    Figure("idle loop, 1 run x 2000 tasks, half finished", "loop", "steady_seconds", "n_dags=1 n_tasks=2000"),
    Figure("idle loop, 1 run x 5000 tasks, half finished", "loop", "steady_seconds", "n_dags=1 n_tasks=5000"),
    Figure(
        "idle loop, 50 runs x 200 tasks, half finished", "loop", "steady_seconds", "n_dags=50 n_tasks=200"
    ),
    Figure("idle loop, 200 runs x 5 tasks", "loop", "steady_seconds", "n_dags=200 n_tasks=5"),
    Figure("creating 3 runs x 1000 tasks", "loop", "create_seconds", "n_dags=3 n_tasks=1000"),
    Figure("creating 1 run x 5000 tasks", "loop", "create_seconds", "n_dags=1 n_tasks=5000"),
    Figure("first loop of a process, 20 DAGs x 200 tasks", "restart", "first_loop", "n_dags=20 n_tasks=200"),
    Figure("file saved to task queued", "latency", "saved_to_queued", "n_tasks=100"),
)


def committed_results(folder: Path = COMMITTED) -> list[Results]:
    """Everything committed, by the name of the suite."""
    return [read_results(path) for path in sorted(folder.glob("*.jsonl"))]


def figures_table(results: Iterable[Results]) -> str:
    """Rows whose case was measured; below, when and on what."""
    by_suite = {one.run.suite: one for one in results}
    lines = ["| | Airflow 3.3.2 | with sched_cache | |", "|---|---:|---:|---:|"]
    lines += [row for figure in FIGURES if (row := _row(figure, by_suite))]
    if not by_suite:
        return "Nothing was measured yet."
    facts = sorted({machine_text(one) for one in by_suite.values()}, key=len)
    days = sorted(run.started_at[:10] for one in by_suite.values() for run in one.runs())
    loads = [load for one in by_suite.values() for record in one.records for load in record.load]
    lines += [
        "",
        f"Medians, {' to '.join(dict.fromkeys((days[0], days[-1])))}, {facts[-1]}.",
        f"The load average was {min(loads):.1f} to {max(loads):.1f}: above the number of cores, ratios tell more "
        "than times.",
        "Commands and every sample are in [bench/results/](bench/results/).",
    ]
    return "\n".join(lines)


def _row(figure: Figure, by_suite: Mapping[str, Results]) -> str:
    results = by_suite.get(figure.suite)
    if results is None:
        return ""
    case = next((c for c in results.cases() if set(figure.where.split()) <= set(c.split())), None)
    product = next((r.subject for r in results.records if r.is_product), None)
    if case is None or product is None:
        return ""
    suite = suite_of(results)
    medians = [results.median(case, subject, figure.metric) for subject in (suite.reference, product)]
    if not all(medians):
        return ""
    theirs, ours = (value or 0.0 for value in medians)
    unit = metric_named(suite, figure.metric).unit
    return f"| {figure.what} | {quantity(theirs, unit)} | {quantity(ours, unit)} | {compared(theirs, ours)} |"


def with_figures(readme: str, table: str) -> str:
    """The README with this table between its two marks. Raises ValueError if it does not have them."""
    before, found, rest = readme.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if not found or not ended:
        raise ValueError("the README has no place for figures")
    return f"{before}{BEGIN}\n{table}\n{END}{after}"


def write_readme() -> Path:
    """Puts the table of the committed results into the README of this checkout."""
    text = README.read_text(encoding="utf-8")
    README.write_text(with_figures(text, figures_table(committed_results())), encoding="utf-8")
    return README

"""The HTML page: everything in one file, no script, nothing fetched."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from ..results import Results
from ..spread import growth_exponent, summarize
from ..suite import Suite
from .charts import draw_chart
from .estimate import estimate_section
from .head import page_head
from .headline import Comparison, comparisons
from .markdown import machine_text, markdown_table
from .rendering import render
from .wording import case_text, quantity, suite_of, title_of


@dataclass(frozen=True, slots=True)
class _Picture:
    title: str
    caption: str
    png: bytes

    @property
    def source(self) -> str:
        return f"data:image/png;base64,{base64.b64encode(self.png).decode()}"


@dataclass(frozen=True, slots=True)
class _Cell:
    """The median; `spread`: the middle half of the samples."""

    text: str = ""
    spread: str = ""


@dataclass(frozen=True, slots=True)
class _Row:
    """One metric of a case. `case` is empty below the first row of a case."""

    case: str
    what: str
    cells: Sequence[_Cell]


@dataclass(frozen=True, slots=True)
class _Conditions:
    commands: Sequence[str]
    facts: Sequence[str]
    planted: str


@dataclass(frozen=True, slots=True)
class _Section:
    """The part of the page about one suite."""

    suite: Suite
    reference: str
    comparisons: Sequence[Comparison]
    failures: Sequence[str]
    pictures: Sequence[_Picture]
    estimate: Markup
    growth: Sequence[tuple[str, str, str, str]]
    subjects: Sequence[str]
    table: Sequence[_Row]
    conditions: _Conditions


def write_report(results: Sequence[Results], folder: Path) -> Path:
    """Writes `index.html`, the charts as PNG files and `tables.md` into `folder`; returns the page's path."""
    folder.mkdir(parents=True, exist_ok=True)
    sections = [_section(one) for one in results]
    for section in sections:
        for number, picture in enumerate(section.pictures):
            (folder / f"{section.suite.name}-{number + 1}.png").write_bytes(picture.png)
    page = folder / "index.html"
    page.write_text(render("page.html", head=page_head(results), sections=sections), encoding="utf-8")
    (folder / "tables.md").write_text(
        "\n\n".join(markdown_table(one) for one in results) + "\n", encoding="utf-8"
    )
    return page


def _section(results: Results) -> _Section:
    suite = suite_of(results)
    drawn = [(chart, draw_chart(chart, results)) for chart in suite.charts]
    return _Section(
        suite=suite,
        reference=title_of(suite.reference),
        comparisons=list(comparisons(results)),
        failures=_failures(results),
        pictures=[_Picture(chart.title, chart.caption, png) for chart, png in drawn if png],
        estimate=estimate_section(results) if suite.name == "scale" else Markup(),
        growth=_growth(results),
        subjects=[title_of(subject) for subject in results.subjects()],
        table=_table(results),
        conditions=_conditions(results),
    )


def _growth(results: Results) -> list[tuple[str, str, str, str]]:
    """How the times of the headline grow with the number of tasks, where two sizes of at least 1000 were measured."""
    suite = suite_of(results)
    rows = []
    for metric in (m for m in suite.metrics if m.unit == "seconds" and m.name in suite.headline):
        for subject in results.subjects():
            medians = {
                float(parameters["n_tasks"]): value
                for case, parameters in results.cases().items()
                if parameters.get("n_tasks", 0) >= 1000
                and _is_main_shape(results, parameters)
                and (value := results.median(case, subject, metric.name))
            }
            if len(medians) >= 2:
                exponent = f"{growth_exponent(medians):.2f}"
                sizes = f"{min(medians):,.0f} to {max(medians):,.0f}"
                rows.append((metric.title, title_of(subject), exponent, sizes))
    return rows


def _is_main_shape(results: Results, parameters: Mapping[str, object]) -> bool:
    first = next(iter(results.cases().values()))
    return all(parameters.get(name) == value for name, value in first.items() if name != "n_tasks")


def _table(results: Results) -> list[_Row]:
    subjects = results.subjects()
    rows = []
    for case, parameters in results.cases().items():
        title = case_text(parameters)
        for metric in suite_of(results).metrics:
            cells = [_cell(results, case, subject, metric.name, metric.unit) for subject in subjects]
            if any(cell.text for cell in cells):
                rows.append(_Row(title, metric.title, cells))
                title = ""
        peaks = [
            max((r.peak_rss_bytes for r in results.of(case, subject)), default=0) for subject in subjects
        ]
        cells = [_Cell(quantity(peak, "bytes") if peak else "") for peak in peaks]
        rows.append(_Row("", "peak memory of the process", cells))
    return rows


def _cell(results: Results, case: str, subject: str, metric: str, unit: str) -> _Cell:
    samples = [sample for group in results.samples(case, subject, metric) for sample in group]
    if not samples:
        return _Cell()
    spread = summarize(samples)
    text = quantity(spread.median, unit)
    if spread.n == 1 or spread.q1 == spread.q3:
        return _Cell(text)
    return _Cell(text, f"{quantity(spread.q1, unit)} to {quantity(spread.q3, unit)}")


def _failures(results: Results) -> list[str]:
    return list(
        dict.fromkeys(
            f"{record.subject} failed in {record.case}: {record.error.strip().splitlines()[-1]}"
            for record in results.records
            if record.error
        )
    )


def _conditions(results: Results) -> _Conditions:
    run = results.run
    loads = [load for record in results.records for load in record.load]
    n_rounds = [len(values) for record in results.records for values in record.samples.values()] or [0]
    return _Conditions(
        commands=list(dict.fromkeys(one.command for one in results.runs())),
        facts=[
            f"started {run.started_at}, revision {run.revision or 'unknown'}",
            machine_text(results),
            f"load average while it ran: {min(loads, default=0)} to {max(loads, default=0)}",
            "rounds in a process: " + " to ".join(dict.fromkeys(map(str, (min(n_rounds), max(n_rounds))))),
            f"sets of processes: {max((r.process for r in results.records), default=0) + 1}",
        ],
        planted=run.planted,
    )

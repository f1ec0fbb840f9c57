"""The HTML page: everything in one file, no script, nothing fetched."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from ..results import Results
from ..spread import Spread, growth_exponent, summarize
from .charts import draw_chart
from .estimate import estimate_section
from .head import page_head
from .headline import comparisons
from .markdown import machine_text, markdown_table
from .wording import case_text, quantity, suite_of, title_of

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #222; }
body { max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { line-height: 1.2; } h2 { margin-top: 3rem; border-top: 2px solid #0b6e4f; padding-top: 1rem; }
figure { margin: 2rem 0; } figcaption { color: #555; max-width: 48rem; } img { width: 100%; height: auto; }
table { border-collapse: collapse; font-size: 0.85rem; }
td, th { padding: 0.25rem 0.7rem; text-align: right; vertical-align: top; }
td:first-child, th:first-child, td:nth-child(2), th:nth-child(2) { text-align: left; }
th { border-bottom: 2px solid #222; vertical-align: bottom; } td { border-bottom: 1px solid #ddd; }
td small { color: #555; white-space: nowrap; } td:nth-child(2) { min-width: 12rem; }
summary { cursor: pointer; font-weight: bold; margin: 1rem 0; }
tr.case td { border-top: 1px solid #222; } .wide { overflow-x: auto; }
.small { color: #555; font-size: 0.85rem; }
.figures { display: flex; flex-wrap: wrap; gap: 1rem; padding: 0; list-style: none; }
.figures li { background: #eef5f2; border-radius: 0.5rem; padding: 0.8rem 1.2rem; min-width: 11rem; }
.figures b { display: block; font-size: 1.7rem; color: #0b6e4f; line-height: 1.2; }
.figures li.more { background: #f7eee9; } .figures li.more b { color: #b5502d; }
.figures li { flex: 1 1 13rem; max-width: 18rem; }
.failed, .old { color: #a02020; } dt { font-weight: bold; float: left; clear: left; margin-right: 0.5rem; }
dl { font-size: 0.85rem; } dd { margin: 0 0 0.2rem; }
@media (max-width: 44rem) {
  .figures li { max-width: none; } .wide table { min-width: 44rem; }
  .picture { overflow-x: auto; } .picture img { width: 44rem; }
}
"""

_INTRODUCTION = """sched_cache is a plugin for Airflow's scheduler. It keeps DAGs in a compact form in memory, Redis and
the database, and looks only at those task instances that can move. This page shows what that changes, measured with the
real scheduler of the installed Airflow, stock and with the plugin, in turns on the same machine."""
_READING = """Each number is the median of all rounds; in the tables, the middle half of the rounds lies
between the two numbers below it. All subjects of a case run in processes of their own, side by side, one
round each in turn, so that whatever else the machine does hits all of them. Charts have logarithmic axes
unless they show parts of a whole: a straight line is growth by a fixed factor, and the vertical distance
between two lines is a ratio. Times of one machine say little about another; ratios say more.
"""


def write_report(results: Sequence[Results], folder: Path) -> Path:
    """Writes `index.html`, the charts as PNG files and `tables.md` into `folder`; returns the page's path."""
    folder.mkdir(parents=True, exist_ok=True)
    sections = "".join(_section(one, folder) for one in results)
    page = folder / "index.html"
    page.write_text(
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>sched_cache: benchmarks</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>'
        f"<body><h1>sched_cache: what was measured</h1><p>{_INTRODUCTION}</p>{page_head(results)}"
        f"<details><summary>How to read it</summary><p>{_READING}</p></details>"
        f"{sections}</body></html>",
        encoding="utf-8",
    )
    (folder / "tables.md").write_text(
        "\n\n".join(markdown_table(one) for one in results) + "\n", encoding="utf-8"
    )
    return page


def _section(results: Results, folder: Path) -> str:
    suite = suite_of(results)
    parts = [
        f'<h2 id="{escape(suite.name)}">{escape(suite.title)}</h2>',
        _headline(results),
        _failures(results),
    ]
    for number, chart in enumerate(suite.charts):
        picture = draw_chart(chart, results)
        if picture:
            (folder / f"{suite.name}-{number + 1}.png").write_bytes(picture)
            source = f"data:image/png;base64,{base64.b64encode(picture).decode()}"
            parts.append(
                f'<figure><div class=picture><img alt="{escape(chart.title)}" src="{source}"></div>'
                f"<figcaption>{escape(chart.caption)}</figcaption></figure>"
            )
    if suite.name == "scale":
        parts.append(estimate_section(results))
    parts += [
        _growth(results),
        "<details><summary>All figures</summary>",
        _table(results),
        _conditions(results),
    ]
    return "".join(parts)


def _headline(results: Results) -> str:
    items = "".join(
        f"<li{' class=more' if one.is_more else ''}><b>{one.words}</b>{escape(one.title)}"
        f'<br><span class="small">{one.both}<br>{escape(one.case)}</span></li>'
        for one in comparisons(results)
    )
    against = escape(title_of(suite_of(results).reference))
    return f"<p>Against {against}:</p><ul class=figures>{items}</ul>" if items else ""


def _growth(results: Results) -> str:
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
                rows.append(
                    f"<tr><td>{escape(metric.title)}<td>{escape(title_of(subject))}"
                    f"<td>{growth_exponent(medians):.2f}"
                    f"<td>{min(medians):,.0f} to {max(medians):,.0f}</tr>"
                )
    if not rows:
        return ""
    return (
        "<h3>Growth</h3><p>Exponent e in time = a &middot; tasks<sup>e</sup>: 1 is linear, 2 quadratic.</p>"
        f"<table><tr><th>what<th>subject<th>e<th>tasks</tr>{''.join(rows)}</table>"
    )


def _is_main_shape(results: Results, parameters: Mapping[str, object]) -> bool:
    first = next(iter(results.cases().values()))
    return all(parameters.get(name) == value for name, value in first.items() if name != "n_tasks")


def _table(results: Results) -> str:
    suite = suite_of(results)
    subjects = results.subjects()
    header = "".join(f"<th>{escape(title_of(subject))}" for subject in subjects)
    rows = []
    for case in results.cases():
        style = ' class="case"'
        for metric in suite.metrics:
            spreads = []
            for subject in subjects:
                samples = [
                    sample for group in results.samples(case, subject, metric.name) for sample in group
                ]
                spreads.append(_cell(summarize(samples), metric.unit) if samples else "")
            if any(spreads):
                cells = "".join(f"<td>{text}" for text in spreads)
                case_cell = escape(case_text(results.cases()[case])) if style else ""
                rows.append(f"<tr{style}><td>{case_cell}<td>{escape(metric.title)}{cells}</tr>")
                style = ""
        peaks = [
            max((r.peak_rss_bytes for r in results.of(case, subject)), default=0) for subject in subjects
        ]
        cells = "".join(f"<td>{quantity(peak, 'bytes') if peak else ''}" for peak in peaks)
        rows.append(f"<tr><td><td>peak memory of the process{cells}</tr>")
    return (
        f'<div class="wide"><table><tr><th>case<th>what{header}</tr>{"".join(rows)}</table></div></details>'
    )


def _cell(spread: Spread, unit: str) -> str:
    """The median, and below it the middle half of the samples."""
    text = quantity(spread.median, unit)
    if spread.n == 1 or spread.q1 == spread.q3:
        return escape(text)
    return f"{escape(text)}<br><small>{quantity(spread.q1, unit)} to {quantity(spread.q3, unit)}</small>"


def _failures(results: Results) -> str:
    failed = dict.fromkeys(
        f"{record.subject} failed in {record.case}: {record.error.strip().splitlines()[-1]}"
        for record in results.records
        if record.error
    )
    return "".join(f'<p class="failed">{escape(text)}</p>' for text in failed)


def _conditions(results: Results) -> str:
    run = results.run
    loads = [load for record in results.records for load in record.load]
    n_rounds = [len(values) for record in results.records for values in record.samples.values()] or [0]
    facts = [
        "command: "
        + ", ".join(
            f"<code>{escape(command)}</code>" for command in dict.fromkeys(r.command for r in results.runs())
        ),
        f"started {escape(run.started_at)}, revision {escape(run.revision or 'unknown')}",
        escape(machine_text(results)),
        f"load average while it ran: {min(loads, default=0)} to {max(loads, default=0)}",
        "rounds in a process: " + " to ".join(dict.fromkeys(map(str, (min(n_rounds), max(n_rounds))))),
        f"sets of processes: {max((r.process for r in results.records), default=0) + 1}",
    ]
    if run.planted:
        facts.append(f'<span class="failed">slowed on purpose: {escape(run.planted)}</span>')
    return '<p class="small">' + "<br>".join(facts) + "</p>"

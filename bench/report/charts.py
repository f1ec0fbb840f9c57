"""Charts as PNG bytes. Needs matplotlib (the extra `bench`)."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from ..results import Results
from ..spread import Spread, summarize
from ..suite import Chart, metric_named
from .finding import finding
from .wording import case_text, quantity, suite_of, title_of

# The product first and strongest, what it is compared with second, on every chart. Told apart by colour-blind readers
# too.
_COLOURS = ("#0b6e4f", "#b5502d", "#4361a8", "#8a6fb0", "#a08000", "#5f6b73", "#c06c9c", "#2b8ca3")
# Parts of a whole: none of them is green or brown, which are the product and the host.
_PART_COLOURS = ("#4361a8", "#d9a441", "#8a6fb0", "#2b8ca3", "#c06c9c", "#7a9a3c", "#39485a", "#b8bfc5")
_THE_REST = "the rest"
_FEW = 3  # so many lines can have their values beside them
_INK, _GRID = "#222222", "#dddddd"


_X_TITLES = {
    "n_tasks": "tasks of the DAG",
    "n_dags": "DAGs of the cluster",
    "n_nodes": "scheduler processes",
}


def draw_chart(chart: Chart, results: Results) -> bytes | None:
    """The picture, or None if the results have nothing for it."""
    cases = {
        label: parameters
        for label, parameters in sorted(results.cases().items(), key=lambda case: _size(case[1]))
        if all(parameters.get(name) == value for name, value in (chart.where or {}).items())
    }
    subjects = [
        s for s in _in_order(results) if any(_spread(results, c, s, m) for c in cases for m in chart.metrics)
    ]
    if not subjects:
        return None
    kind = chart.kind
    if kind == "lines" and len({p[chart.x] for p in cases.values()}) < 2:  # a line needs two sizes
        kind = "dots"
    if kind == "dots" and len(cases) < 2:
        kind = "bars"
    draw = {"lines": _lines, "dots": _dots, "stack": _stack, "bars": _bars}[kind]
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.2, 4.4), dpi=130, layout="constrained")
    axes = figure.add_subplot()
    draw(axes, chart, results, cases, subjects)
    if kind != "lines":
        n_rows = len(axes.get_yticks()) + (kind == "dots")
        figure.set_figheight(1.2 + 0.36 * max(n_rows, 2))
    found = finding(chart, results)
    title = f"{chart.title}: {found}" if found else chart.title
    figure.suptitle(
        "\n".join(textwrap.wrap(title, 82)), x=0.01, ha="left", color=_INK, fontsize=12, fontweight="bold"
    )
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=_INK, labelsize=8)
    if axes.get_legend_handles_labels()[0]:
        figure.legend(loc="outside lower left", ncols=3, frameon=False, fontsize=8)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", metadata={"Software": None})
    return picture.getvalue()


def _size(parameters: Mapping[str, Any]) -> tuple[float, ...]:
    return tuple(value for value in parameters.values() if isinstance(value, int | float))


def _lines(
    axes: Any, chart: Chart, results: Results, cases: Mapping[str, Any], subjects: Sequence[str]
) -> None:
    unit = metric_named(suite_of(results), chart.metrics[0]).unit
    for subject in subjects:
        points = sorted(
            (parameters[chart.x], spread)
            for label, parameters in cases.items()
            if (spread := _spread(results, label, subject, chart.metrics[0]))
        )
        xs = [x for x, _ in points]
        axes.plot(
            xs,
            [s.median for _, s in points],
            marker="o",
            markersize=4,
            **_style(results, subject),
            label=title_of(subject),
        )
        axes.fill_between(
            xs,
            [s.q1 for _, s in points],
            [s.q3 for _, s in points],
            alpha=0.15,
            linewidth=0,
            color=_colour(results, subject),
        )
        for x, spread in points if len(subjects) <= _FEW else ():
            axes.annotate(
                quantity(spread.median, unit),
                (x, spread.median),
                xytext=(0, -13 if _is_product(results, subject) else 7),  # ours is the lower one
                textcoords="offset points",
                ha="center",
                fontsize=8,
                color=_colour(results, subject),
            )
    _logarithmic(axes, "y")
    axes.set_xscale("log")
    axes.set_xticks(sorted({parameters[chart.x] for parameters in cases.values()}))
    axes.set_xlabel(_X_TITLES.get(chart.x, chart.x), color=_INK, fontsize=9)
    axes.set_ylabel(_axis_title(chart, results), color=_INK, fontsize=9)
    axes.grid(True, which="major", color=_GRID, linewidth=0.7)
    axes.yaxis.set_major_formatter(lambda value, _: quantity(value, unit))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.minorticks_off()


def _logarithmic(axes: Any, which: str) -> None:
    """With room for what stands beside the outermost points, and ticks that a range of less than ten has, too."""
    from matplotlib.ticker import LogLocator

    low, high = (axes.get_ylim if which == "y" else axes.get_xlim)()
    if which == "y":
        marked = [value for line in axes.get_lines() for value in line.get_ydata()]
        marked += [
            value for area in axes.collections for path in area.get_paths() for _, value in path.vertices
        ]
        low, high = min(marked) / 2.6, max(marked) * 2.2
        axes.set_yscale("log")
        axes.set_ylim(low, high)
        axis = axes.yaxis
    else:
        axes.set_xscale("log")
        axis = axes.xaxis
    many = high / max(low, 1e-12) > 300
    axis.set_major_locator(LogLocator(subs=(1.0,) if many else (1.0, 3.0)))


def _dots(
    axes: Any, chart: Chart, results: Results, cases: Mapping[str, Any], subjects: Sequence[str]
) -> None:
    """A row per case. Dots, not bars: a logarithmic axis has no zero for a bar to start from."""
    unit = metric_named(suite_of(results), chart.metrics[0]).unit
    for subject in subjects:
        found = [(row, _spread(results, label, subject, chart.metrics[0])) for row, label in enumerate(cases)]
        rows = [row for row, spread in found if spread]
        axes.plot(
            [spread.median for _, spread in found if spread],
            rows,
            "o",
            markersize=7 + 2 * _is_product(results, subject),
            color=_colour(results, subject),
            label=title_of(subject),
        )
    if _range(axes.get_lines()) > 10:
        _logarithmic(axes, "x")
        axes.minorticks_off()
    else:
        axes.set_xlim(left=0)
        axes.locator_params(axis="x", nbins=6)
    axes.set_yticks(range(len(cases)), _short(cases))
    axes.set_ylim(len(cases) - 0.5, -0.5)
    axes.grid(True, axis="both", color=_GRID, linewidth=0.7)
    axes.set_xlabel(_axis_title(chart, results), color=_INK, fontsize=9)
    axes.xaxis.set_major_formatter(lambda value, _: quantity(value, unit))


def _bars(
    axes: Any, chart: Chart, results: Results, cases: Mapping[str, Any], subjects: Sequence[str]
) -> None:
    """Of a single case a row per subject, from zero."""
    unit = metric_named(suite_of(results), chart.metrics[0]).unit
    (label,) = cases
    medians = [_median(results, label, subject, chart.metrics[0]) for subject in subjects]
    rows = range(len(subjects))
    axes.barh(rows, medians, 0.7, color=[_colour(results, subject) for subject in subjects])
    for row, median in enumerate(medians):
        axes.text(median, row, f" {quantity(median, unit)}", va="center", fontsize=8, color=_INK)
    axes.set_yticks(rows, [title_of(subject) for subject in subjects])
    axes.set_ylim(len(subjects) - 0.5, -0.5)
    axes.set_xlim(0, 1.12 * max(medians))
    axes.locator_params(axis="x", nbins=6)
    axes.xaxis.set_major_formatter(lambda value, _: quantity(value, unit))
    axes.set_xlabel(f"{_axis_title(chart, results)} ({case_text(cases[label])})", color=_INK, fontsize=9)


def _axis_title(chart: Chart, results: Results) -> str:
    """The unit stands at every tick."""
    return "\n".join(textwrap.wrap(metric_named(suite_of(results), chart.metrics[0]).title, 44))


def _range(lines: Sequence[Any]) -> float:
    """How many times the largest value is the smallest."""
    values = [value for line in lines for value in line.get_xdata()]
    return float(max(values) / min(values))


def _stack(
    axes: Any, chart: Chart, results: Results, cases: Mapping[str, Any], subjects: Sequence[str]
) -> None:
    """A bar per case and subject, of shares; beside it the whole. The largest parts have a colour each, the
    others are one part."""
    suite = suite_of(results)
    rows = [
        (label, subject)
        for label in cases
        for subject in sorted(subjects, key=lambda subject: _is_product(results, subject))  # before, after
        if any(_spread(results, label, subject, name) for name in chart.metrics)
    ]
    widths = {
        name: [_median(results, label, subject, name) for label, subject in rows] for name in chart.metrics
    }
    totals = [sum(parts) or 1.0 for parts in zip(*widths.values(), strict=True)]
    shares = {
        name: [100 * width / total for width, total in zip(of_rows, totals, strict=True)]
        for name, of_rows in widths.items()
    }
    titles = {name: metric_named(suite, name).title.partition(": ")[2] for name in chart.metrics}
    named = [name for name in chart.metrics if titles[name] != _THE_REST]
    shown = set(sorted(named, key=lambda name: max(shares[name]), reverse=True)[: len(_PART_COLOURS) - 1])
    bars = {titles[name]: shares[name] for name in chart.metrics if name in shown}
    small = [shares[name] for name in chart.metrics if name not in shown]
    if small:
        bars[_THE_REST] = [sum(parts) for parts in zip(*small, strict=True)]
    left = [0.0] * len(rows)
    for (title, of_rows), colour in zip(bars.items(), _PART_COLOURS, strict=False):
        axes.barh(range(len(rows)), of_rows, 0.7, left=left, color=colour, label=title)
        left = [start + width for start, width in zip(left, of_rows, strict=True)]
    names = dict(zip(cases, _short(cases), strict=True))
    axes.set_yticks(
        range(len(rows)),
        [f"{names[label]}, {title_of(subject)}".removeprefix(", ") for label, subject in rows],
    )
    axes.set_ylim(len(rows) - 0.5, -0.5)
    unit = metric_named(suite, chart.metrics[0]).unit
    for row, total in enumerate(totals):
        axes.text(101, row, quantity(total, unit), va="center", fontsize=8, color=_INK)
    axes.set_xlim(0, 112)
    axes.set_xlabel("share of the whole; the whole stands beside the bar", color=_INK, fontsize=9)
    axes.set_xticks(range(0, 101, 25), [f"{share} %" for share in range(0, 101, 25)])


def _median(results: Results, case: str, subject: str, metric: str) -> float:
    spread = _spread(results, case, subject, metric)
    return spread.median if spread else 0.0


def _short(cases: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Only the parameters in which the cases differ."""
    differ = [name for name in next(iter(cases.values())) if len({p.get(name) for p in cases.values()}) > 1]
    if "n_small_tasks" in differ or not differ:
        return [case_text(p) for p in cases.values()]
    return [case_text({name: p[name] for name in differ if name in p}) for p in cases.values()]


def _in_order(results: Results) -> list[str]:
    """The product, what it is compared with, then the rest as they were run."""
    products = [r.subject for r in results.records if r.is_product][:1]
    reference = suite_of(results).reference
    return list(
        dict.fromkeys([*products, *[s for s in results.subjects() if s == reference], *results.subjects()])
    )


def _colour(results: Results, subject: str) -> str:
    return _COLOURS[_in_order(results).index(subject) % len(_COLOURS)]


def _style(results: Results, subject: str) -> dict[str, Any]:
    return {"color": _colour(results, subject), "linewidth": 2.6 if _is_product(results, subject) else 1.4}


def _is_product(results: Results, subject: str) -> bool:
    return any(record.is_product for record in results.records if record.subject == subject)


def _spread(results: Results, case: str, subject: str, metric: str) -> Spread | None:
    samples = [sample for group in results.samples(case, subject, metric) for sample in group if sample > 0]
    return summarize(samples) if samples else None

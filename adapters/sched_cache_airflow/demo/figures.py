"""The table at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, log

from sched_cache.cli.table import Cell, render
from sched_cache_airflow.demo.plan import WATCHED_TASKS

_BAR_CELLS = 24
_BAR_FULL = 1000.0
"""The ratio that fills a bar. Bars are logarithmic."""


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison; `unit` is "s" or "B". Smaller values are better."""

    n_tasks: int
    stock: float
    plugin: float
    unit: str


@dataclass(frozen=True, slots=True)
class Section:
    """One comparison, for several sizes."""

    title: str
    rows: Sequence[Row]


Measured = dict[int, dict[str, float]]


def sections(stock: Measured, plugin: Measured, seconds_to_use: tuple[float, float]) -> list[Section]:
    """All comparisons, in the order of the table."""
    return [
        _section(
            "load a DAG from the database, to its first usable task", "load_seconds", stock, plugin, "s"
        ),
        _section(
            "the same the first time in the cluster, when the plugin encodes it for all others",
            "first_load_seconds",
            stock,
            plugin,
            "s",
        ),
        _section("memory of a loaded DAG", "loaded_bytes", stock, plugin, "B"),
        _section("memory when the scheduler has looked at its every task", "used_bytes", stock, plugin, "B"),
        _section("one loop of the scheduler, a run half finished", "loop_seconds", stock, plugin, "s"),
        Section(
            "from the commit of a content rewritten in place to its use; Airflow looks every 30 s",
            [Row(WATCHED_TASKS, *seconds_to_use, "s")],
        ),
    ]


def _section(title: str, name: str, stock: Measured, plugin: Measured, unit: str) -> Section:
    return Section(title, [Row(n, stock[n][name], plugin[n][name], unit) for n in stock if name in stock[n]])


def table(found: Sequence[Section]) -> str:
    """The table for a terminal of eighty columns. The bars are logarithmic."""
    headers = ("tasks", "Airflow", "with plugin", "better by", "")
    rows = [_cells(row) for section in found for row in section.rows]
    header, *lines = render(headers, rows, indent=2, numeric=headers[1:4]).splitlines()
    printed, rest = [header], iter(lines)
    for section in found:
        printed += ["", section.title, *(next(rest) for _ in section.rows)]
    return "\n".join(printed)


def _cells(row: Row) -> tuple[Cell, ...]:
    ratio = row.stock / row.plugin if row.plugin > 0 else inf
    shown = f"{ratio:,.1f} x" if ratio < 10 else f"{min(ratio, 1e6):,.0f} x"
    stock, plugin = in_words(row.stock, row.unit), in_words(row.plugin, row.unit)
    return row.n_tasks, stock, plugin, shown, _bar(ratio)


def _bar(ratio: float) -> str:
    """The bar for a ratio; empty for 1 and below."""
    if ratio <= 1:
        return ""
    return "█" * max(1, round(_BAR_CELLS * min(log(ratio) / log(_BAR_FULL), 1.0)))


def in_words(amount: float, unit: str) -> str:
    """The value with a readable unit."""
    if unit == "s":
        if amount >= 1:
            return f"{amount:.1f} s"
        return f"{amount * 1e3:.1f} ms" if amount >= 1e-3 else f"{amount * 1e6:.0f} us"
    return f"{amount / 1e6:.1f} MB" if amount >= 1e6 else f"{amount / 1e3:.0f} kB"

"""The cells of the table: kind of field by entry point."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from tests.undecodable.fields import Field
from tests.undecodable.outcome import MILDER, OTHER, SAME, WORSE, Outcome


@dataclass
class Matrix:
    """counts: (entry point, kind of field, stock's outcome, ours) to how many attempts. differing: those of note."""

    counts: Counter[tuple[str, str, str, str, str]] = field(default_factory=Counter)
    differing: dict[tuple[str, str], list[str]] = field(default_factory=lambda: defaultdict(list))

    def note(self, spoilt: Field, entry: str, way: str, stock: Outcome, ours: Outcome) -> None:
        verdict = ours.beside(stock)
        self.counts[entry, spoilt.kind, str(stock), str(ours), verdict] += 1
        if verdict in (WORSE, OTHER):
            self.differing[entry, verdict].append(
                f"{verdict}: {entry} x {spoilt.name} ({way}): stock {stock}, ours {ours}{_difference(stock, ours)}"
            )

    def worse(self) -> list[str]:
        """The attempts in which ours did worse than stock, or otherwise without an error of stock's."""
        return [line for lines in self.differing.values() for line in lines]

    def summary(self) -> str:
        total = Counter[str]()
        for (*_, verdict), n in self.counts.items():
            total[verdict] += n
        cells = {(entry, kind) for entry, kind, *_ in self.counts}
        parts = ", ".join(f"{total[verdict]} {verdict}" for verdict in (SAME, MILDER, OTHER, WORSE))
        return f"{sum(total.values())} comparisons in {len(cells)} cells: {parts}"

    def table(self) -> str:
        """A line for each entry point and kind of field, as a table of Markdown."""
        lines = ["| entry point | field | stock | ours |", "|---|---|---|---|"]
        grouped: dict[tuple[str, str], tuple[Counter[str], Counter[str]]] = {}
        for (entry, kind, stock, ours, verdict), n in self.counts.items():
            there, here = grouped.setdefault((entry, kind), (Counter(), Counter()))
            there[stock] += n
            here[ours if verdict == SAME else f"{ours} **{verdict}**"] += n
        for (entry, kind), (there, here) in sorted(grouped.items()):
            lines.append(f"| {entry} | {kind} | {_counted(there)} | {_counted(here)} |")
        return "\n".join(lines)


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{what} {n}" for what, n in counts.most_common())


def _difference(stock: Outcome, ours: Outcome) -> str:
    parts = []
    if ours.text and ours.is_error:
        parts.append(f"ours said {ours.text[:300]!r}")
    if stock.rows != ours.rows:
        there = [row for row in stock.rows if row not in ours.rows]
        here = [row for row in ours.rows if row not in stock.rows]
        parts.append(f"rows only on stock {there[:3]}, only with ours {here[:3]}")
    if stock.value != ours.value and not ours.is_error:
        start = next((n for n, (a, b) in enumerate(zip(stock.value, ours.value, strict=False)) if a != b), 0)
        cut = slice(max(0, start - 40), start + 120)
        parts.append(f"value {stock.value[cut]!r}, ours {ours.value[cut]!r}")
    return "; " + "; ".join(parts) if parts else ""

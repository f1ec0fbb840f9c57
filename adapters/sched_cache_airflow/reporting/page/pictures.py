"""Small pictures: levels, shares, and recent history."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from sched_cache_airflow.reporting.page.svg import tag

_SIZE = {"width": "100%", "preserveAspectRatio": "none"}


def meter(used: float, bound: float, *, label: str, colour: str = "memory") -> Markup:
    """A bar that shows `used` as a share of `bound`."""
    share = min(max(used / bound, 0.0), 1.0) if bound else 0.0
    # A value above zero is visible.
    width = max(100 * share, 0.8) if used else 0.0
    return tag(
        "svg",
        tag("rect", width=100, height=8, rx=1.2, fill="var(--track)"),
        tag("rect", width=width, height=8, rx=1.2, fill=f"var(--{colour})"),
        viewBox="0 0 100 8",
        height=8,
        role="img",
        aria_label=label,
        **_SIZE,
    )


def stacked(parts: Sequence[tuple[str, float, str]], *, label: str) -> Markup:
    """A bar made of (name, amount, colour); amounts of 0 take no place."""
    total = sum(amount for _, amount, _ in parts)
    pieces, left = [], 0.0
    for name, amount, colour in parts:
        if not amount:
            continue
        width = 100 * amount / total
        hint = tag("title", f"{name}: {amount:,.0f}")
        pieces.append(tag("rect", hint, x=left, width=max(width, 0.4), height=10, fill=f"var(--{colour})"))
        left += width
    ground = tag("rect", width=100, height=10, fill="var(--track)")
    return tag("svg", ground, pieces, viewBox="0 0 100 10", height=10, role="img", aria_label=label, **_SIZE)


def sparkline(
    values: Sequence[float], *, label: str, colour: str = "memory", top: float | None = None
) -> Markup:
    """A line through `values`, oldest first, from 0 to `top` (None: their largest); nothing for less than two."""
    if len(values) < 2:
        return Markup("")
    highest = top or max(values) or 1.0
    points = [
        f"{100 * number / (len(values) - 1):.2f},{27 - 24 * min(value / highest, 1.0):.2f}"
        for number, value in enumerate(values)
    ]
    area = f"0,28 {' '.join(points)} 100,28"
    return tag(
        "svg",
        tag("polygon", points=area, fill=f"var(--{colour})", opacity=0.14),
        tag(
            "polyline",
            points=" ".join(points),
            fill="none",
            stroke=f"var(--{colour})",
            stroke_width=1.6,
            vector_effect="non-scaling-stroke",
            stroke_linejoin="round",
        ),
        viewBox="0 0 100 28",
        height=28,
        role="img",
        aria_label=label,
        **_SIZE,
    )

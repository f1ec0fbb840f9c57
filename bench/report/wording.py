"""Numbers as text, and names of subjects and metrics as people say them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..results import Results
from ..subject import discover_subjects
from ..suite import Suite, discover_suites

_SECONDS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
_BYTES = ((10**9, "GB"), (10**6, "MB"), (10**3, "kB"), (1, "B"))


def quantity(value: float, unit: str) -> str:
    """With three digits and a unit that fits: 0.00012 seconds is `120 µs`."""
    if value == 0:
        return "0"
    for scale, name in {"seconds": _SECONDS, "bytes": _BYTES}.get(unit, ()):
        if abs(value) >= scale:
            return f"{_three_digits(value / scale)} {name}"
    return f"{_three_digits(value)} {unit}".rstrip()


def _three_digits(value: float) -> str:
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def compared(theirs: float, ours: float) -> str:
    """How much less ours is: `512 x less`, `1.30 x more`, or `the same` within a twentieth."""
    ratio = theirs / ours
    if 1 / 1.05 < ratio < 1.05:
        return "the same"
    return f"{_three_digits(ratio)} x less" if ratio > 1 else f"{_three_digits(1 / ratio)} x more"


_SHARE_NAMES = {0: "none finished", 50: "half finished"}


def case_text(parameters: Mapping[str, Any]) -> str:
    """A case as a person would say it: `3 DAGs x 1,000 tasks, half finished, layers`."""
    rest = dict(parameters)
    if "n_small_tasks" in rest:  # many of these, and one of that size
        one, small = rest["n_tasks"], rest["n_small_tasks"]
        return f"{rest['n_dags']:,} DAGs x {small:,} tasks" + (f", one x {one:,}" if one > small else "")
    sizes = [
        f"{int(rest.pop(name)):,} {noun}{'s' if parameters[name] != 1 else ''}"
        for name, noun in (("n_nodes", "scheduler"), ("n_dags", "DAG"), ("n_tasks", "task"))
        if name in rest
    ]
    found = [" x ".join(sizes)] if sizes else []
    if "finished_percent" in rest:
        share = int(rest.pop("finished_percent"))
        found.append(_SHARE_NAMES.get(share, f"{share} % finished"))
    if "n_edited" in rest:
        found.append(f"{rest.pop('n_edited')} edited")
    if "shape" in rest:
        found.append(str(rest.pop("shape")))
    return ", ".join([*found, *(f"{name}={value}" for name, value in rest.items())])


def suite_of(results: Results) -> Suite:
    return discover_suites()[results.run.suite]


def title_of(subject: str) -> str:
    """How a subject is called in the report; its name if it is no longer there."""
    found = discover_subjects().get(subject)
    return found.title if found else subject

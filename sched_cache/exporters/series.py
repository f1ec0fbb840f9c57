"""A snapshot as a flat list of series."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import cast

from sched_cache.stats import HistogramSnapshot, Snapshot


class SeriesKind(Enum):
    """The kind of a value."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Series:
    """One value. `section` is the tier, `reason` a label that only fallbacks have."""

    kind: SeriesKind
    section: str
    name: str
    value: float | HistogramSnapshot
    reason: str | None = None


def series_of(snapshot: Snapshot) -> Iterator[Series]:
    """Every value in `snapshot`, in its order."""
    for section, values in snapshot.items():
        for name, value in values.items():
            if section == "gauges":
                yield Series(SeriesKind.GAUGE, "", name, value)
            elif section == "fallbacks":
                yield Series(SeriesKind.COUNTER, "", "fallbacks", value, reason=name)
            elif isinstance(value, dict):
                yield Series(SeriesKind.HISTOGRAM, section, name, cast(HistogramSnapshot, value))
            else:
                yield Series(SeriesKind.COUNTER, section, name, value)

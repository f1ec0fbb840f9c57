"""`Stats`: everything one process counts, and its plain-value snapshot."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields
from typing import Any, TypeAlias

from sched_cache import fork
from sched_cache.stats.counters import (
    DatabaseCounters,
    FlightCounters,
    FreshnessCounters,
    L1Counters,
    RedisCounters,
)
from sched_cache.stats.histogram import Histogram, summarize

Snapshot: TypeAlias = dict[str, dict[str, Any]]
"""Section to name to a number or a `HistogramSnapshot`; fit for JSON."""

_SECTIONS = ("l1", "redis", "database", "freshness", "flights")


class Stats:
    """The counters of one process; a forked child starts at zero, so that sums over processes are right.

    Counting takes no lock. Under the interpreter lock a count is not lost in practice; on a free-threaded
    interpreter a few may be.
    """

    __slots__ = ("__weakref__", "_gauges", "database", "fallbacks", "flights", "freshness", "l1", "redis")

    def __init__(self) -> None:
        self._gauges: dict[str, Callable[[], float]] = {}
        self.l1 = L1Counters()
        self.redis = RedisCounters()
        self.database = DatabaseCounters()
        self.freshness = FreshnessCounters()
        self.flights = FlightCounters()
        self.fallbacks: dict[str, int] = {}
        """Reason to number of fallbacks to the host's own path."""
        fork.register(self)

    def reset_after_fork(self) -> None:
        """Sets every counter to zero, in place. Gauges stay, because they read the present state."""
        for section in _SECTIONS:
            counters = getattr(self, section)
            for declared in fields(counters):
                is_histogram = isinstance(getattr(counters, declared.name), Histogram)
                setattr(counters, declared.name, Histogram() if is_histogram else 0)
        self.fallbacks.clear()

    def add_gauge(self, name: str, read: Callable[[], float]) -> None:
        """Adds a gauge whose value is `read()` at each snapshot. `merge_snapshots` takes the largest value of a gauge
        whose name ends in `_seconds` or `_state`, and the sum of others.
        """
        self._gauges[name] = read

    def snapshot(self) -> Snapshot:
        """All counts so far, as plain values."""
        snapshot: Snapshot = {section: _plain(getattr(self, section)) for section in _SECTIONS}
        snapshot["gauges"] = {name: read() for name, read in self._gauges.items()}
        snapshot["fallbacks"] = dict(self.fallbacks)
        return snapshot


def _plain(counters: Any) -> dict[str, Any]:
    values = {declared.name: getattr(counters, declared.name) for declared in fields(counters)}
    return {
        name: value.snapshot() if isinstance(value, Histogram) else value for name, value in values.items()
    }


def merge_snapshots(snapshots: Iterable[Snapshot]) -> Snapshot:
    """One snapshot of several processes: the sum of counts, and the largest value of ages and states."""
    merged: Snapshot = {}
    for snapshot in snapshots:
        for section, values in snapshot.items():
            into = merged.setdefault(section, {})
            for name, value in values.items():
                into[name] = _merge(section, name, into[name], value) if name in into else value
    return merged


def _merge(section: str, name: str, left: Any, right: Any) -> Any:
    if isinstance(left, dict):
        counts: dict[int, int] = {}
        for bucket, count in [*left["buckets"], *right["buckets"]]:
            counts[bucket] = counts.get(bucket, 0) + count
        buckets = [[bucket, counts[bucket]] for bucket in sorted(counts)]
        return summarize(buckets, left["sum"] + right["sum"], max(left["max"], right["max"]))
    if section == "gauges" and name.endswith(("_seconds", "_state")):
        return max(left, right)
    return left + right

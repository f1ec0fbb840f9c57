"""Histograms of durations, in buckets that are at most an eighth apart."""

from __future__ import annotations

from typing import TypedDict

_EXACT_BITS = 4
_MAX_NS = (1 << 44) - 1
"""Nearly five hours; longer durations count as this value."""


class HistogramSnapshot(TypedDict):
    """A histogram as plain values. Durations are in seconds; quantiles are at most an eighth too high.

    buckets: pairs of bucket number and count, empty buckets left out.
    """

    count: int
    sum: float
    max: float
    p50: float
    p99: float
    buckets: list[list[int]]


def _bucket_of(ns: int) -> int:
    """16 buckets of one nanosecond each, then 8 to each power of two."""
    shift = max(ns.bit_length() - _EXACT_BITS, 0)
    return (shift << 3) + (ns >> shift)


def bucket_upper_seconds(bucket: int) -> float:
    """The longest duration in `bucket`."""
    if bucket < 16:
        return bucket / 1e9
    shift = (bucket >> 3) - 1
    return ((((bucket & 7) + 9) << shift) - 1) / 1e9


class Histogram:
    """Counts of durations. Recording takes no lock: two threads at once may lose a count, never more."""

    __slots__ = ("_counts", "_max_ns", "_sum_ns")

    def __init__(self) -> None:
        self._counts = [0] * (_bucket_of(_MAX_NS) + 1)
        self._sum_ns = 0
        self._max_ns = 0

    def record(self, seconds: float) -> None:
        """Counts one duration; a negative one counts as 0."""
        ns = min(max(int(seconds * 1e9), 0), _MAX_NS)
        self._counts[_bucket_of(ns)] += 1
        self._sum_ns += ns
        if ns > self._max_ns:
            self._max_ns = ns

    def snapshot(self) -> HistogramSnapshot:
        """The durations recorded so far."""
        buckets = [[bucket, count] for bucket, count in enumerate(self._counts) if count]
        return summarize(buckets, self._sum_ns / 1e9, self._max_ns / 1e9)


def summarize(buckets: list[list[int]], total_seconds: float, max_seconds: float) -> HistogramSnapshot:
    """The snapshot of these buckets, in ascending order; quantiles are computed here."""
    count = sum(n for _, n in buckets)
    return {
        "count": count,
        "sum": total_seconds,
        "max": max_seconds,
        "p50": _quantile(buckets, count, 0.50),
        "p99": _quantile(buckets, count, 0.99),
        "buckets": buckets,
    }


def _quantile(buckets: list[list[int]], count: int, share: float) -> float:
    rank = share * count
    for bucket, n in buckets:
        rank -= n
        if rank <= 0:
            return bucket_upper_seconds(bucket)
    return 0.0

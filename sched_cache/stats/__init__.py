"""Counters and timings of one process, and their snapshots."""

from sched_cache.stats.counters import (
    DatabaseCounters,
    FlightCounters,
    FreshnessCounters,
    L1Counters,
    RedisCounters,
)
from sched_cache.stats.histogram import Histogram, HistogramSnapshot, bucket_upper_seconds
from sched_cache.stats.stats import Snapshot, Stats, merge_snapshots

__all__ = [
    "DatabaseCounters",
    "FlightCounters",
    "FreshnessCounters",
    "Histogram",
    "HistogramSnapshot",
    "L1Counters",
    "RedisCounters",
    "Snapshot",
    "Stats",
    "bucket_upper_seconds",
    "merge_snapshots",
]

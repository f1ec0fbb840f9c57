"""Prometheus: a collector that reads the counters at each scrape. Needs the extra `prometheus`."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from sched_cache.exporters.series import Series, SeriesKind, series_of
from sched_cache.stats import HistogramSnapshot, Snapshot, bucket_upper_seconds

_BOUNDS = [base * 10.0**power for power in range(-5, 1) for base in (1, 2.5, 5)]
"""Upper bounds in seconds: ten microseconds to five seconds."""


class PrometheusCollector(Collector):
    """Register it once: `prometheus_client.REGISTRY.register(PrometheusCollector(stats.snapshot))`.

    Names are `sched_cache_<tier>_<counter>_total`, `sched_cache_<tier>_<operation>_seconds` (a histogram),
    `sched_cache_<gauge>`, and `sched_cache_fallbacks_total` with the label `reason`.
    """

    def __init__(self, snapshot: Callable[[], Snapshot]) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterator[Metric]:
        """One metric per series."""
        fallbacks = CounterMetricFamily(
            "sched_cache_fallbacks", "Fallbacks to the host's own path.", labels=["reason"]
        )
        for series in series_of(self._snapshot()):
            if series.reason is not None and not isinstance(series.value, dict):
                fallbacks.add_metric([series.reason], series.value)
            else:
                yield _metric(series)
        yield fallbacks


def _metric(series: Series) -> Metric:
    name = "_".join(filter(None, ("sched_cache", series.section, series.name)))
    text = " ".join(filter(None, (series.section, series.name))).replace("_", " ")
    if isinstance(series.value, dict):
        return HistogramMetricFamily(
            name, text, buckets=_cumulative(series.value), sum_value=series.value["sum"]
        )
    if series.kind is SeriesKind.GAUGE:
        return GaugeMetricFamily(name, text, value=series.value)
    return CounterMetricFamily(name, text, value=series.value)


def _cumulative(histogram: HistogramSnapshot) -> list[tuple[str, float]]:
    counts = [0] * (len(_BOUNDS) + 1)
    for bucket, count in histogram["buckets"]:
        counts[bisect_left(_BOUNDS, bucket_upper_seconds(bucket))] += count
    labels = [*map(floatToGoString, _BOUNDS), "+Inf"]
    total = 0
    cumulative: list[tuple[str, float]] = []
    for label, count in zip(labels, counts, strict=True):
        total += count
        cumulative.append((label, total))
    return cumulative

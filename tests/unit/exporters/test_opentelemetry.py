from __future__ import annotations

from typing import Any

import pytest

from sched_cache.stats import Stats

metrics = pytest.importorskip("opentelemetry.sdk.metrics")


def collected(stats: Stats) -> dict[str, Any]:
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader

    from sched_cache.exporters.opentelemetry import observe

    reader = InMemoryMetricReader()
    provider = metrics.MeterProvider([reader])
    observe(stats.snapshot, provider.get_meter("test"))
    stats.l1.hits += 7
    stats.redis.get_seconds.record(0.25)
    stats.fallbacks["unknown timetable"] = 2
    data: Any = reader.get_metrics_data()
    provider.shutdown()
    return {
        metric.name: metric.data.data_points
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }


def test_a_reader_sees_what_was_counted_until_then() -> None:
    """The instruments are read when the reader collects, not when something is counted."""
    stats = Stats()
    stats.add_gauge("l1_bytes", lambda: 123)
    points = collected(stats)
    assert [point.value for point in points["sched_cache.l1.hits"]] == [7]
    assert [point.value for point in points["sched_cache.l1_bytes"]] == [123]
    assert [point.value for point in points["sched_cache.redis.get_seconds.count"]] == [1]
    assert 0.25 <= points["sched_cache.redis.get_seconds.p99"][0].value < 0.29
    (fallback,) = points["sched_cache.fallbacks"]
    assert (fallback.value, dict(fallback.attributes)) == (2, {"reason": "unknown timetable"})

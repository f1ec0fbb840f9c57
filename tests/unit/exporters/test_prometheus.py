from __future__ import annotations

import pytest

from sched_cache.stats import Stats

prometheus_client = pytest.importorskip("prometheus_client")


def exposed(stats: Stats) -> str:
    from sched_cache.exporters.prometheus import PrometheusCollector

    registry = prometheus_client.CollectorRegistry()
    registry.register(PrometheusCollector(stats.snapshot))
    text: str = prometheus_client.generate_latest(registry).decode()
    return text


def test_a_scrape_sees_what_was_counted_until_then() -> None:
    """Counters, gauges, histograms and fallbacks by reason."""
    stats = Stats()
    stats.add_gauge("l1_bytes", lambda: 123)
    stats.l1.hits += 7
    stats.fallbacks["unknown timetable"] = 2
    lines = exposed(stats).splitlines()
    assert "sched_cache_l1_hits_total 7.0" in lines
    assert "sched_cache_l1_bytes 123.0" in lines
    assert 'sched_cache_fallbacks_total{reason="unknown timetable"} 2.0' in lines


def test_histogram_buckets_are_cumulative() -> None:
    """Each holds all that took no longer than its bound."""
    stats = Stats()
    for seconds in (0.00008, 0.0004, 0.0004, 7.0):
        stats.redis.get_seconds.record(seconds)
    lines = exposed(stats).splitlines()
    name = "sched_cache_redis_get_seconds"
    assert f'{name}_bucket{{le="5e-05"}} 0.0' in lines
    assert f'{name}_bucket{{le="0.0001"}} 1.0' in lines
    assert f'{name}_bucket{{le="0.0005"}} 3.0' in lines
    assert f'{name}_bucket{{le="5.0"}} 3.0' in lines
    assert f'{name}_bucket{{le="+Inf"}} 4.0' in lines
    assert f"{name}_count 4.0" in lines
    assert f"{name}_sum 7.00088" in lines

"""Our counters among the host's own metrics: through whatever the host sends its own to."""

from __future__ import annotations

from collections.abc import Callable

from airflow._shared.observability.metrics import stats
from airflow._shared.observability.metrics.base_stats_logger import NoStatsLogger
from airflow.observability.metrics.stats_utils import get_stats_factory

from sched_cache.exporters.statsd import StatsdExporter
from sched_cache.stats import Snapshot
from sched_cache_airflow.reporting.host_stats import HostStats


def begin_metrics(snapshot: Callable[[], Snapshot]) -> StatsdExporter | None:
    """Sends every few seconds from now on; None if the host sends metrics nowhere."""
    if get_stats_factory() is NoStatsLogger:
        return None
    exporter = StatsdExporter(snapshot, HostStats(stats))
    exporter.start()
    return exporter

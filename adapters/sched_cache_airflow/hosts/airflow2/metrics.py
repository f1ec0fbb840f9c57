"""Our counters among the host's own metrics: through whatever the host sends its own to."""

from __future__ import annotations

from collections.abc import Callable

from airflow.metrics.base_stats_logger import NoStatsLogger
from airflow.stats import Stats

from sched_cache.exporters.statsd import StatsdExporter
from sched_cache.stats import Snapshot
from sched_cache_airflow.reporting.host_stats import HostStats


def begin_metrics(snapshot: Callable[[], Snapshot]) -> StatsdExporter | None:
    """Sends every few seconds from now on; None if the host sends metrics nowhere."""
    if type(Stats).factory is NoStatsLogger:
        return None
    exporter = StatsdExporter(snapshot, HostStats(Stats))
    exporter.start()
    return exporter

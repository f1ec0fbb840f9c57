"""Our counters among the host's own metrics: through whatever the host sends its own to."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from airflow._shared.observability.metrics import stats
from airflow._shared.observability.metrics.base_stats_logger import NoStatsLogger
from airflow.observability.metrics.stats_utils import get_stats_factory

from sched_cache.exporters.statsd import StatsdExporter
from sched_cache.stats import Snapshot

if TYPE_CHECKING:
    from sched_cache_airflow.airflow3.runtime import Runtime

_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_.-]+")


class HostStats:
    """The host's metrics as a statsd client. Names keep to what the host allows."""

    def incr(self, stat: str, count: int) -> None:
        stats.incr(_NOT_IN_NAMES.sub("_", stat), count)

    def gauge(self, stat: str, value: float) -> None:
        if math.isfinite(value):
            stats.gauge(_NOT_IN_NAMES.sub("_", stat), value)


def begin_metrics(state: Runtime) -> StatsdExporter | None:
    """Sends every few seconds from now on; None if the host sends metrics nowhere."""
    if get_stats_factory() is NoStatsLogger:
        return None
    exporter = StatsdExporter(lambda: snapshot_of(state), HostStats())
    exporter.start()
    return exporter


def snapshot_of(state: Runtime) -> Snapshot:
    """Everything counted in this process. L1 is that of the host's DAG objects."""
    shared, own = state.cache.stats(), state.stats.snapshot()
    publisher = state.contents.publisher
    return {
        **{section: shared[section] for section in ("redis", "database", "freshness", "flights")},
        "l1": own["l1"],
        "fallbacks": own["fallbacks"],
        "plugin": {
            "host_documents_read": own["database"]["contents_read"],
            "contents_published": publisher.n_published,
            "contents_not_published": publisher.n_dropped,
            "runs_reconciled": state.reconciler.n_reconciled,
            "fast_decisions": state.fast_path.n_decided,
            "decisions_compared": state.fast_path.shadow.n_compared,
            "decisions_different": state.fast_path.shadow.n_differences,
        },
        "gauges": {
            **{name: value for name, value in shared["gauges"].items() if not name.startswith("l1_")},
            "l1_bytes": state.contents.l1.nbytes,
            "l1_entries": len(state.contents.l1),
            "fast_path_dags_off": state.fast_path.n_dags_off,
        },
    }

"""statsd: changes, sent once per interval. Needs a client, such as `statsd.StatsClient`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Event, Thread
from typing import Protocol

from sched_cache import fork
from sched_cache.exporters.series import SeriesKind, series_of
from sched_cache.stats import Snapshot

logger = logging.getLogger("sched_cache.exporters")

_CLOSE_SECONDS = 0.25


class StatsdClient(Protocol):
    """The methods that `statsd.StatsClient` shares with the statsd logger of a host."""

    def incr(self, stat: str, count: int) -> object: ...
    def gauge(self, stat: str, value: float) -> object: ...


class StatsdExporter:
    """Sends counters as increments, and gauges, medians and 99th percentiles as gauges.

    Names are `sched_cache.<tier>.<counter>`, `sched_cache.<tier>.<operation>_seconds.count`, `.p50` and `.p99`,
    `sched_cache.<gauge>` and `sched_cache.fallbacks.<reason>`.
    """

    def __init__(
        self, snapshot: Callable[[], Snapshot], client: StatsdClient, interval_seconds: float = 10.0
    ) -> None:
        self._snapshot = snapshot
        self._client = client
        self._interval_seconds = interval_seconds
        self._sent: dict[str, float] = {}
        self._stopped = Event()
        self._thread = Thread(target=self._run, name="sched-cache-statsd", daemon=True)

    def start(self) -> None:
        """Starts to send. Call it once, in the process that counts: threads do not survive a fork."""
        self._thread.start()

    def close(self) -> None:
        """Sends the remaining changes and ends. Does not wait for a client that hangs, as a TCP client may."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(_CLOSE_SECONDS)
        else:
            self.flush()

    def flush(self) -> None:
        """Sends the changes since the last call."""
        for series in series_of(self._snapshot()):
            name = ".".join(filter(None, ("sched_cache", series.section, series.name, series.reason)))
            if isinstance(series.value, dict):
                self._count(f"{name}.count", series.value["count"])
                self._client.gauge(f"{name}.p50", series.value["p50"])
                self._client.gauge(f"{name}.p99", series.value["p99"])
            elif series.kind is SeriesKind.GAUGE:
                self._client.gauge(name, series.value)
            else:
                self._count(name, series.value)

    def _count(self, name: str, value: float) -> None:
        change = value - self._sent.get(name, 0)
        if change < 0:
            change = value  # the counters were reset
        if change:
            self._client.incr(name, int(change))
        self._sent[name] = value

    def _run(self) -> None:
        is_last = False
        while not is_last:
            is_last = self._stopped.wait(self._interval_seconds)
            try:
                with fork.held_off():
                    self.flush()
            except Exception:
                # An error of the client, such as of its resolver or socket. Metrics may be lost; the process goes on.
                logger.exception("could not send metrics to statsd")

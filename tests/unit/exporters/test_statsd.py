from __future__ import annotations

import time
from threading import Event

import pytest

from sched_cache.exporters.statsd import StatsdExporter
from sched_cache.stats import Stats


class RecordingClient:
    """Keeps what it was sent."""

    def __init__(self) -> None:
        self.sent: dict[str, float] = {}
        self.was_sent = Event()

    def incr(self, stat: str, count: int) -> None:
        self.sent[stat] = self.sent.get(stat, 0) + count
        self.was_sent.set()

    def gauge(self, stat: str, value: float) -> None:
        self.sent[stat] = value


class FailingClient(RecordingClient):
    """Fails at the first gauge."""

    def __init__(self) -> None:
        super().__init__()
        self.n_failures = 0

    def gauge(self, stat: str, value: float) -> None:
        if not self.n_failures:
            self.n_failures += 1
            raise OSError("no such host")
        super().gauge(stat, value)


def test_each_flush_sends_what_changed_since_the_last() -> None:
    """The sum of all increments is the counter."""
    stats, client = Stats(), RecordingClient()
    exporter = StatsdExporter(stats.snapshot, client)
    stats.l1.hits += 3
    exporter.flush()
    assert client.sent["sched_cache.l1.hits"] == 3
    assert "sched_cache.l1.misses" not in client.sent
    stats.l1.hits += 2
    stats.fallbacks["unknown timetable"] = 1
    stats.redis.get_seconds.record(0.25)
    stats.add_gauge("l1_bytes", lambda: 99)
    exporter.flush()
    assert client.sent["sched_cache.l1.hits"] == 5
    assert client.sent["sched_cache.fallbacks.unknown timetable"] == 1
    assert client.sent["sched_cache.redis.get_seconds.count"] == 1
    assert 0.25 <= client.sent["sched_cache.redis.get_seconds.p99"] < 0.29
    assert client.sent["sched_cache.l1_bytes"] == 99


def test_counters_that_began_anew_are_sent_whole() -> None:
    """A reset is not a negative increment."""
    stats, client = Stats(), RecordingClient()
    exporter = StatsdExporter(stats.snapshot, client)
    stats.l1.hits += 3
    exporter.flush()
    stats.reset_after_fork()
    stats.l1.hits += 1
    exporter.flush()
    assert client.sent["sched_cache.l1.hits"] == 4


def test_a_thread_sends_in_the_background_until_it_is_closed() -> None:
    """The remaining values are sent at the end."""
    stats, client = Stats(), RecordingClient()
    exporter = StatsdExporter(stats.snapshot, client, interval_seconds=0.001)
    stats.l1.hits += 1
    exporter.start()
    assert client.was_sent.wait(60)
    stats.l1.hits += 1
    exporter.close()
    assert client.sent["sched_cache.l1.hits"] == 2


def test_a_client_that_fails_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    """Metrics may be lost; the thread goes on."""
    stats, client = Stats(), FailingClient()
    exporter = StatsdExporter(stats.snapshot, client, interval_seconds=0.001)
    stats.flights.joined += 1  # behind the first gauge
    exporter.start()
    assert client.was_sent.wait(60)
    exporter.close()
    assert "could not send metrics" in caplog.text


def test_a_client_that_hangs_keeps_no_process_from_ending() -> None:
    """As one over TCP may, when nobody reads."""
    is_released = Event()

    class HangingClient(RecordingClient):
        def incr(self, stat: str, count: int) -> None:
            super().incr(stat, count)
            is_released.wait(60)

    stats = Stats()
    stats.redis.hits = 1
    client = HangingClient()
    exporter = StatsdExporter(stats.snapshot, client, interval_seconds=0.01)
    exporter.start()
    assert client.was_sent.wait(60)
    started = time.monotonic()
    exporter.close()
    assert time.monotonic() - started < 30
    is_released.set()


def test_works_with_the_usual_client() -> None:
    """`statsd.StatsClient` has the two methods."""
    statsd = pytest.importorskip("statsd")
    client = statsd.StatsClient("127.0.0.1", 9)
    stats = Stats()
    stats.l1.hits += 1
    StatsdExporter(stats.snapshot, client).flush()
    client.close()

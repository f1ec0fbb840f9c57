"""The reports of a process, without a host."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sched_cache.errors import StoreUnavailableError
from sched_cache.store.sql import SqlStore
from sched_cache_airflow.reporting.heartbeat import Heartbeat

_PATIENCE_SECONDS = 20.0


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    store = SqlStore.open(f"sqlite:///{tmp_path / 'dags.db'}")
    yield store
    store.close()


def until_true(condition: Any) -> None:
    end = time.monotonic() + _PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < end, "it never became true"
        time.sleep(0.01)


def test_a_process_reports_until_it_ends(store: SqlStore) -> None:
    """Each report replaces the one before; the last is taken back."""
    counts = iter(range(1_000_000))
    heartbeat = Heartbeat(store.processes, lambda: {"n": next(counts)}, 0.02)
    heartbeat.start()
    until_true(lambda: [report for report in store.processes.recent(60) if report.facts["n"] > 2])
    assert len(store.processes.recent(60)) == 1
    heartbeat.stop()
    assert store.processes.recent(60) == []
    assert heartbeat.n_failed == 0


def test_what_cannot_be_written_is_counted_and_tried_again(store: SqlStore) -> None:
    """A database that comes back finds the process still reporting."""
    is_down = threading.Event()
    is_down.set()

    class Fragile:
        def put(self, report: Any) -> None:
            if is_down.is_set():
                raise StoreUnavailableError("down")
            store.processes.put(report)

        def remove(self, key: str) -> None:
            store.processes.remove(key)

        def forget_silent(self, min_age_seconds: float) -> None:
            store.processes.forget_silent(min_age_seconds)

    heartbeat = Heartbeat(Fragile(), dict, 0.01)  # type: ignore[arg-type]  # as much of it as is used
    heartbeat.start()
    until_true(lambda: heartbeat.n_failed > 3)
    is_down.clear()
    until_true(lambda: store.processes.recent(60))
    heartbeat.stop()


def test_a_bug_in_the_facts_ends_nothing(store: SqlStore) -> None:
    """It is counted like a database that does not answer."""

    def facts() -> dict[str, Any]:
        raise ZeroDivisionError

    heartbeat = Heartbeat(store.processes, facts, 0.01)
    assert heartbeat.beat() is False
    assert heartbeat.n_failed == 1


def test_a_forked_child_leaves_the_report_of_its_parent_alone(store: SqlStore) -> None:
    """A worker that ends must not take its scheduler from the list."""
    heartbeat = Heartbeat(store.processes, dict, 60.0)
    assert heartbeat.beat()
    child = os.fork()
    if child == 0:
        heartbeat.stop()
        os._exit(0)
    os.waitpid(child, 0)
    assert len(store.processes.recent(60)) == 1


def test_a_database_that_hangs_keeps_no_process_from_ending() -> None:
    """The report is left to age."""
    is_asked, is_released = threading.Event(), threading.Event()

    class Hung:
        def put(self, report: Any) -> None:
            is_asked.set()
            is_released.wait(_PATIENCE_SECONDS)

        def remove(self, key: str) -> None:
            self.put(key)

    heartbeat = Heartbeat(Hung(), dict, 0.01)  # type: ignore[arg-type]  # as much of it as is used
    heartbeat.start()
    assert is_asked.wait(_PATIENCE_SECONDS)
    started = time.monotonic()
    heartbeat.stop()
    assert time.monotonic() - started < _PATIENCE_SECONDS / 2
    is_released.set()

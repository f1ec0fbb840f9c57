from __future__ import annotations

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from sched_cache.store.workers import Workers
from tests.contracts.l1 import in_child

PATIENCE_SECONDS = 10.0


def n_threads(name: str) -> int:
    return sum(thread.name == name for thread in threading.enumerate())


def hang(workers: Workers, until: threading.Event) -> None:
    with pytest.raises(TimeoutError):
        workers.run(lambda: until.wait(PATIENCE_SECONDS), 0.01)


def test_returns_and_raises_what_the_call_does() -> None:
    """In another thread."""
    workers = Workers(2, "test-returns")
    assert workers.run(threading.get_ident, PATIENCE_SECONDS) != threading.get_ident()
    with pytest.raises(ZeroDivisionError):
        workers.run(lambda: 1 // 0, PATIENCE_SECONDS)


def test_a_call_that_hangs_is_left_behind() -> None:
    """In time, and what it opens in the end is closed."""
    workers = Workers(2, "test-hangs")
    may_end, discarded = threading.Event(), threading.Event()

    def hang_and_open() -> str:
        may_end.wait(PATIENCE_SECONDS)
        return "connection"

    started = time.monotonic()
    with pytest.raises(TimeoutError):
        workers.run(hang_and_open, 0.05, lambda result: result == "connection" and discarded.set())
    assert time.monotonic() - started < PATIENCE_SECONDS / 2
    assert not discarded.is_set()
    may_end.set()
    assert discarded.wait(PATIENCE_SECONDS)


def test_threads_are_as_many_as_was_said() -> None:
    """However many calls hang, and however many ask at once; those who could not begin never do."""
    workers, may_end = Workers(2, "test-bounded"), threading.Event()
    for _ in range(5):
        hang(workers, may_end)
    begun: list[int] = []
    with pytest.raises(TimeoutError):
        workers.run(lambda: begun.append(1), 0.01)
    assert not workers.start(lambda: begun.append(2))
    assert n_threads("test-bounded") == 2
    may_end.set()
    with ThreadPoolExecutor(20) as threads:
        results = threads.map(lambda number: workers.run(lambda: number, PATIENCE_SECONDS), range(60))
        assert list(results) == list(range(60))
    assert begun == []
    assert n_threads("test-bounded") == 2


def test_calls_do_not_pile_up_behind_those_that_hang() -> None:
    """Beyond a bound they fail at once."""
    workers, may_end = Workers(1, "test-piled"), threading.Event()
    for _ in range(65):
        with pytest.raises(TimeoutError):
            workers.run(lambda: may_end.wait(PATIENCE_SECONDS), 0.0)
    started = time.monotonic()
    with pytest.raises(TimeoutError, match="busy"):
        workers.run(lambda: None, PATIENCE_SECONDS)
    assert time.monotonic() - started < PATIENCE_SECONDS / 2
    may_end.set()


def test_runs_in_the_background() -> None:
    """Its errors are discarded."""
    workers, has_run = Workers(1, "test-background"), threading.Event()
    assert workers.start(lambda: 1 // 0)
    while not workers.start(has_run.set):
        time.sleep(0.001)
    assert has_run.wait(PATIENCE_SECONDS)


def test_no_thread_is_a_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process is at its limit, or about to end."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    workers = Workers(1, "test-refused")
    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(TimeoutError, match="can't start"):
        workers.run(lambda: None, PATIENCE_SECONDS)
    monkeypatch.undo()
    assert workers.run(lambda: 1, PATIENCE_SECONDS) == 1


def test_child_has_threads_of_its_own() -> None:
    """This holds for any state of the parent's threads."""
    workers, may_end = Workers(1, "test-forked"), threading.Event()
    hang(workers, may_end)
    assert in_child(lambda: workers.run(lambda: 1, PATIENCE_SECONDS) == 1)
    may_end.set()


def test_a_call_that_hangs_does_not_keep_the_process_alive() -> None:
    """The interpreter ends although the thread has not."""
    program = """
import time
from sched_cache.store.workers import Workers
try:
    Workers(1, "hung").run(lambda: time.sleep(60), 0.01)
except TimeoutError:
    pass
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=300)

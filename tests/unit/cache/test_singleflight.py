from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from sched_cache.cache import SingleFlight
from sched_cache.clock import SystemClock
from sched_cache.stats import FlightCounters
from tests.contracts.l1 import in_child

PATIENCE_SECONDS = 10.0


class Gate:
    """A load that can be held in the air."""

    def __init__(self, result: Any) -> None:
        self.result = result
        self.n_loads = 0
        self.is_flying = threading.Event()
        self.may_land = threading.Event()

    def load(self) -> Any:
        self.n_loads += 1
        self.is_flying.set()
        assert self.may_land.wait(PATIENCE_SECONDS)
        if isinstance(self.result, BaseException):
            raise self.result
        return self.result


class WatchedSignal(threading.Event):
    """Tells when somebody begins to wait for it."""

    waiting: threading.Semaphore

    def wait(self, timeout: float | None = None) -> bool:
        self.waiting.release()
        return super().wait(timeout)


class Tower:
    """A single flight whose waiting threads can be counted."""

    def __init__(self, wait_seconds: float = PATIENCE_SECONDS) -> None:
        self.waiting = threading.Semaphore(0)
        self.counters = FlightCounters()
        self.flights: SingleFlight[Any] = SingleFlight(
            SystemClock(), self.counters, wait_seconds, self.make_signal
        )
        self.pool = ThreadPoolExecutor(32)

    def make_signal(self) -> WatchedSignal:
        signal = WatchedSignal()
        signal.waiting = self.waiting
        return signal

    def start(self, name: str, load: Callable[[], Any]) -> Future[Any]:
        return self.pool.submit(self.flights.do, name, load)

    def await_waiting(self, n_threads: int) -> None:
        for _ in range(n_threads):
            assert self.waiting.acquire(timeout=PATIENCE_SECONDS)


@pytest.fixture
def tower() -> Any:
    tower = Tower()
    yield tower
    tower.pool.shutdown()
    assert tower.flights._flights == {}, "a flight never ended"


def test_many_threads_make_one_load(tower: Tower) -> None:
    """All get what it brought."""
    gate = Gate("dag")
    first = tower.start("x", gate.load)
    assert gate.is_flying.wait(PATIENCE_SECONDS)
    others = [tower.start("x", gate.load) for _ in range(20)]
    tower.await_waiting(20)
    gate.may_land.set()
    assert [flight.result(PATIENCE_SECONDS) for flight in [first, *others]] == ["dag"] * 21
    assert gate.n_loads == 1
    assert (tower.counters.flights, tower.counters.joined, tower.counters.timeouts) == (1, 20, 0)
    assert tower.counters.wait_seconds.snapshot()["count"] == 20


def test_nothing_is_remembered(tower: Tower) -> None:
    """Keeping results is another's business: the next call loads anew."""
    assert tower.flights.do("x", lambda: 1) == 1
    assert tower.flights.do("x", lambda: 2) == 2


def test_litmus_a_newer_version_never_joins_an_older_load(tower: Tower) -> None:
    """The pointer names another content by then, so there is no flight to join."""
    older = Gate("v1")
    first = tower.start("hash of v1", older.load)
    assert older.is_flying.wait(PATIENCE_SECONDS)
    assert tower.flights.do("hash of v2", lambda: "v2") == "v2"
    assert not first.done()
    older.may_land.set()
    assert first.result(PATIENCE_SECONDS) == "v1"


def test_error_releases_all_who_wait(tower: Tower) -> None:
    """Each gets it, and the next call loads anew."""
    gate = Gate(OSError("no database"))
    flights = [tower.start("x", gate.load)]
    assert gate.is_flying.wait(PATIENCE_SECONDS)
    flights += [tower.start("x", gate.load) for _ in range(5)]
    tower.await_waiting(5)
    gate.may_land.set()
    for flight in flights:
        with pytest.raises(OSError, match="no database"):
            flight.result(PATIENCE_SECONDS)
    assert tower.flights.do("x", lambda: "again") == "again"
    assert tower.counters.failed == 1


def test_when_the_loading_thread_is_ended_another_takes_over(tower: Tower) -> None:
    """A KeyboardInterrupt is for the thread that it was sent to. One of the others loads for all."""
    gate, second = Gate(KeyboardInterrupt()), Gate("dag")
    first = tower.start("x", gate.load)
    assert gate.is_flying.wait(PATIENCE_SECONDS)
    others = [tower.start("x", second.load) for _ in range(5)]
    tower.await_waiting(5)
    gate.may_land.set()
    with pytest.raises(KeyboardInterrupt):
        first.result(PATIENCE_SECONDS)
    tower.await_waiting(4)
    second.may_land.set()
    assert [flight.result(PATIENCE_SECONDS) for flight in others] == ["dag"] * 5
    assert second.n_loads == 1


def test_who_waits_too_long_loads_alone() -> None:
    """A load that hangs holds nobody up for ever."""
    tower = Tower(wait_seconds=0.02)
    gate = Gate("late")
    first = tower.start("x", gate.load)
    assert gate.is_flying.wait(PATIENCE_SECONDS)
    assert tower.flights.do("x", lambda: "alone") == "alone"
    assert tower.counters.timeouts == 1
    gate.may_land.set()
    assert first.result(PATIENCE_SECONDS) == "late"
    tower.pool.shutdown()


def test_absent_is_a_result(tower: Tower) -> None:
    """None as well is shared with those who wait."""
    gate = Gate(None)
    flights = [tower.start("x", gate.load)]
    assert gate.is_flying.wait(PATIENCE_SECONDS)
    flights.append(tower.start("x", lambda: pytest.fail("loaded twice")))
    tower.await_waiting(1)
    gate.may_land.set()
    assert [flight.result(PATIENCE_SECONDS) for flight in flights] == [None, None]


def test_many_loads_only_what_nobody_loads(tower: Tower) -> None:
    """All at once; the rest is waited for; each name once."""
    gate = Gate("theirs")
    theirs = tower.start("b", gate.load)
    assert gate.is_flying.wait(PATIENCE_SECONDS)
    asked: list[list[str]] = []

    def load(names: list[str]) -> dict[str, str]:
        asked.append(names)
        gate.may_land.set()
        return {name: f"mine {name}" for name in names if name != "d"}

    results = tower.flights.do_many(["a", "b", "c", "a", "d"], load)
    assert results == {"a": "mine a", "b": "theirs", "c": "mine c", "d": None}
    assert asked == [["a", "c", "d"]]
    assert theirs.result(PATIENCE_SECONDS) == "theirs"


def test_many_of_nothing_loads_nothing(tower: Tower) -> None:
    """Not even with no names."""
    assert tower.flights.do_many([], lambda _: pytest.fail("asked for nothing")) == {}


def test_two_that_wait_for_each_other_both_end(tower: Tower) -> None:
    """Each hands out its own results before it waits for the other's."""
    meet = threading.Barrier(2)

    def load(names: list[str]) -> dict[str, str]:
        meet.wait(PATIENCE_SECONDS)  # now both have names in the air that the other wants
        return {name: name.upper() for name in names}

    both = [tower.pool.submit(tower.flights.do_many, names, load) for names in (["a", "x"], ["x", "b"])]
    one, other = (flight.result(PATIENCE_SECONDS) for flight in both)
    assert one == {"a": "A", "x": "X"}
    assert other == {"x": "X", "b": "B"}


def test_a_child_does_not_wait_for_its_parents_flights(tower: Tower) -> None:
    """The thread that would end them does not exist there."""
    gate = Gate("dag")
    first = tower.start("x", gate.load)
    assert gate.is_flying.wait(PATIENCE_SECONDS)
    try:
        assert in_child(lambda: tower.flights.do("x", lambda: "own") == "own")
    finally:
        gate.may_land.set()
    assert first.result(PATIENCE_SECONDS) == "dag"

"""Two races that a cache must survive, in which a read starts after an invalidation.

stale-set: a load is in flight, the value changes and is invalidated, then the load ends. The next read must
not find the old value installed. join-stale: the same, but the next read starts while the load is still in
flight. It must not be given that load's result. `control` has no load in flight: its failure is an error of the test.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import suppress
from dataclasses import dataclass

OLD, NEW = 1, 2
_JOIN_SECONDS = 0.3  # a read that waits for so long has joined the load in flight
_HANG_SECONDS = 20.0


class Source:
    """The source of the value. `load` reads it; the first load after `pause_next` is slow."""

    def __init__(self) -> None:
        self.value = OLD
        self.has_read = threading.Event()
        self.resume = threading.Event()
        self._pauses = threading.Lock()
        self._pauses.acquire()

    def pause_next(self) -> None:
        self._pauses.release()

    def load(self) -> int:
        """The value when the call began."""
        value = self.value
        self.pause()
        return value

    def pause(self) -> None:
        """Waits for `resume` if this is the load to pause. For candidates that read the value themselves."""
        if self._pauses.acquire(blocking=False):
            self.has_read.set()
            if not self.resume.wait(_HANG_SECONDS):
                raise TimeoutError("the load was not resumed")


@dataclass(frozen=True, slots=True)
class Candidate:
    """One key of a cache. `get` loads from the source on a miss; `change` writes to the source, then invalidates."""

    get: Callable[[], int]
    change: Callable[[], None]
    close: Callable[[], None] = lambda: None


OpenCandidate = Callable[[Source], Candidate]


def litmus(open_candidate: OpenCandidate) -> Mapping[str, float]:
    """Race -> 1 if the old value came back, else 0."""
    races = {"control": _control, "stale_set": _stale_set, "join_stale": _join_stale}
    return {name: float(_run(open_candidate, race)) for name, race in races.items()}


def _run(open_candidate: OpenCandidate, race: Callable[[Source, Candidate], int]) -> bool:
    source = Source()
    candidate = open_candidate(source)
    try:
        return race(source, candidate) != NEW
    finally:
        source.resume.set()
        candidate.close()


def _control(source: Source, candidate: Candidate) -> int:
    candidate.get()
    candidate.change()
    return candidate.get()


def _stale_set(source: Source, candidate: Candidate) -> int:
    with ThreadPoolExecutor(1) as pool:
        in_flight = _begin_load(source, candidate, pool)
        candidate.change()
        source.resume.set()
        in_flight.result(_HANG_SECONDS)
    return candidate.get()


def _join_stale(source: Source, candidate: Candidate) -> int:
    with ThreadPoolExecutor(2) as pool:
        _begin_load(source, candidate, pool)
        candidate.change()
        after = pool.submit(candidate.get)
        with suppress(FutureTimeoutError):
            after.result(_JOIN_SECONDS)
        source.resume.set()
        return after.result(_HANG_SECONDS)


def _begin_load(source: Source, candidate: Candidate, pool: ThreadPoolExecutor) -> Future[int]:
    source.pause_next()
    in_flight = pool.submit(candidate.get)
    if not source.has_read.wait(_HANG_SECONDS):
        raise TimeoutError("the load never began")
    return in_flight

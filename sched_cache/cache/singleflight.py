"""Single flight: one load per content, however many threads ask for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from threading import Event, Lock
from typing import Generic, Protocol, TypeVar

from sched_cache import fork
from sched_cache.clock import Clock
from sched_cache.stats import FlightCounters

T = TypeVar("T")


class Signal(Protocol):
    """The part of `threading.Event` that a flight needs; a simulation brings its own."""

    def set(self) -> None:
        """Wakes all waiting threads; threads that wait later return at once."""
        ...

    def wait(self, timeout: float | None = None) -> bool:
        """Whether `set` was called, waiting at most `timeout` seconds for it."""
        ...


class _Flight(Generic[T]):
    """One load in progress. `outcome` is written once, before `landed` is set, and only read afterwards.

    The first thread that joins creates `landed`, under the lock: most flights are never joined.
    """

    __slots__ = ("error", "landed", "outcome")

    def __init__(self) -> None:
        self.landed: Signal | None = None
        self.outcome: tuple[T | None] | None = None
        self.error: Exception | None = None


class SingleFlight(Generic[T]):
    """Loads in progress, by content hash. Remembers nothing of finished loads.

    A flight is named by its content, so a caller that needs a newer version asks for another name and can never
    join an older load:

        1. thread A loads content `a1`, which is version 1 of its key
        2. version 2 with content `b2` is published, and this process learns of it
        3. thread B reads the key: the pointer now says `b2`, for which there is no flight to join
        4. A's load ends with `a1`, which A may return, since its call began before 2

    Thread-safe. `load` runs in the calling thread, outside of any lock; it must not ask for its own name.
    """

    def __init__(
        self,
        clock: Clock,
        counters: FlightCounters,
        wait_seconds: float,
        make_signal: Callable[[], Signal] = Event,
    ) -> None:
        self._clock = clock
        self._counters = counters
        self._wait_seconds = wait_seconds
        self._make_signal = make_signal
        self.reset_after_fork()
        fork.register(self)

    def reset_after_fork(self) -> None:
        """Forgets the parent's flights: the threads that would end them do not exist here."""
        self._lock = Lock()
        self._flights: dict[str, _Flight[T]] = {}  # guarded by _lock

    def do(self, content_hash: str, load: Callable[[], T | None]) -> T | None:
        """The result of `load`, run here or in the thread that is already loading.

        Raises:
            Whatever `load` raised, in every thread that waited for it.
        """
        return self.do_many([content_hash], lambda _: {content_hash: load()})[content_hash]

    def do_many(
        self, content_hashes: Iterable[str], load: Callable[[list[str]], Mapping[str, T | None]]
    ) -> dict[str, T | None]:
        """The result of `load` for each hash, run here or in another thread; None where it returned none.

        `load` gets the hashes that are not being loaded yet, all at once. Its results are handed out before this
        thread waits for other loads, so two callers that wait for each other's hashes both get them.

        Raises:
            Whatever was raised by a `load` that was responsible for one of the hashes.
        """
        mine: dict[str, _Flight[T]] = {}
        theirs: dict[str, tuple[_Flight[T], Signal]] = {}
        with self._lock:
            for name in dict.fromkeys(content_hashes):
                flight = self._flights.get(name)
                if flight is None:
                    mine[name] = self._flights[name] = _Flight()
                else:
                    flight.landed = flight.landed or self._make_signal()
                    theirs[name] = flight, flight.landed
        results = self._fly(mine, load) if mine else {}
        for name, (flight, landed) in theirs.items():
            results[name] = self._join(name, flight, landed, load)
        return results

    def _fly(
        self, flights: dict[str, _Flight[T]], load: Callable[[list[str]], Mapping[str, T | None]]
    ) -> dict[str, T | None]:
        self._counters.flights += len(flights)
        try:
            loaded = load(list(flights))
            results = {name: loaded.get(name) for name in flights}
            for name, flight in flights.items():
                flight.outcome = (results[name],)
            return results
        except Exception as error:
            self._counters.failed += len(flights)
            for flight in flights.values():
                flight.error = error
            raise
        finally:
            # Also when this thread is interrupted (KeyboardInterrupt): the flight then lands without outcome or
            # error, and one of the waiting threads loads again.
            with self._lock:
                for name, flight in flights.items():
                    if self._flights.get(name) is flight:
                        del self._flights[name]
            for flight in flights.values():
                if flight.landed is not None:
                    flight.landed.set()

    def _join(
        self,
        name: str,
        flight: _Flight[T],
        landed: Signal,
        load: Callable[[list[str]], Mapping[str, T | None]],
    ) -> T | None:
        self._counters.joined += 1
        started = self._clock.monotonic()
        has_landed = landed.wait(self._wait_seconds)
        self._counters.wait_seconds.record(self._clock.monotonic() - started)
        if flight.error is not None:
            raise flight.error
        if flight.outcome is not None:
            return flight.outcome[0]
        if has_landed:
            return self.do_many([name], load)[name]
        self._counters.timeouts += 1
        return load([name]).get(name)

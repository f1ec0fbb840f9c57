"""A circuit breaker: after a few failures in a row nobody asks for a while, then one does."""

from __future__ import annotations

import random
from threading import Lock

from sched_cache import fork
from sched_cache.clock import Clock

CLOSED, HALF_OPEN, OPEN = range(3)


class Breaker:
    """Of one process. Safe for threads.

    Ask `allow` before each command and say afterwards how it went. While the breaker is closed both cost an
    attribute each; the lock is for failures and for what follows them.

    Open, it allows one *probe* when its time is over; the time doubles with each probe that fails. A prober
    that never says how it went is replaced when that time has passed once more.
    """

    def __init__(
        self,
        clock: Clock,
        max_failures: int,
        min_open_seconds: float,
        max_open_seconds: float,
        source: random.Random | None = None,
    ) -> None:
        self._clock = clock
        self._max_failures = max_failures
        self._min_open_seconds = min_open_seconds
        self._max_open_seconds = max_open_seconds
        self._random = source or random.Random()
        self.reset_after_fork()
        fork.register(self)

    def reset_after_fork(self) -> None:
        """Starts closed: what the parent saw may be true no longer."""
        self._lock = Lock()
        # Guarded by _lock for writing; `allow` and `succeeded` read the first two without.
        self._state = CLOSED
        self._n_failures = 0
        self._n_openings = 0
        self._probe_at = 0.0

    @property
    def state(self) -> int:
        """0 closed, 1 half open: a probe is under way, 2 open."""
        return self._state

    def allow(self) -> bool:
        """Whether the caller may send a command."""
        if self._state == CLOSED:
            return True
        with self._lock:
            if self._state == CLOSED:
                return True
            if self._clock.monotonic() < self._probe_at:
                return False
            self._state = HALF_OPEN
            self._probe_at = self._clock.monotonic() + self._open_seconds()
            return True

    def succeeded(self) -> bool:
        """Notes an answer; whether it closed the breaker."""
        if not self._n_failures:
            return False
        with self._lock:
            was_closed = self._state == CLOSED
            self._state = CLOSED
            self._n_failures = self._n_openings = 0
            return not was_closed

    def failed(self) -> bool:
        """Notes that no answer came; whether that opened the breaker, which was closed."""
        with self._lock:
            self._n_failures += 1
            if self._state == OPEN:
                return False  # sent before it opened
            was_closed = self._state == CLOSED
            if was_closed and self._n_failures < self._max_failures:
                return False
            self._state = OPEN
            self._probe_at = self._clock.monotonic() + self._open_seconds()
            self._n_openings += 1
            return was_closed

    def _open_seconds(self) -> float:
        """Between half and all of the time, so that the nodes of a cluster do not probe in step."""
        doubled = self._min_open_seconds * 2.0 ** min(self._n_openings, 30)
        return min(self._max_open_seconds, doubled) * self._random.uniform(0.5, 1.0)

"""A circuit breaker that leaves a tier alone when it fails, or is slower than the tier behind it."""

from __future__ import annotations

import random
from collections.abc import Callable
from enum import Enum, auto
from threading import Lock

from sched_cache import fork
from sched_cache.clock import Clock
from sched_cache.store.budget import Budget

CLOSED, HALF_OPEN, OPEN = range(3)

_LEAST_SHARE = 0.1
"""Of the budget: what a call may take after a trouble, while the budget is still spent."""
_SPENT_SECONDS = 0.001


class Change(Enum):
    """What an answer or a failure did to the breaker."""

    NONE = auto()
    OPENED = auto()
    CLOSED = auto()


class Breaker:
    """Of one tier in one process. Safe for threads.

    Ask `grant` before each call, let the call wait no longer than that, and say afterwards how it went.
    Without trouble both cost a few attributes; the lock is for losses and for what follows them.

    The breaker opens after `max_failures` failures in a row, and as soon as the budget is spent: by calls
    without an answer, or by answers that came later than the tier behind would have answered. Open, it grants
    nothing until its back-off is over. Then one *probe* decides: `prober`, which is called to start one in
    the background and costs the caller nothing, or without a prober the caller's own call. The back-off
    doubles with each failed probe, and with each trouble that comes soon after the last. A probe that never
    reports is replaced when its back-off has passed once more.
    """

    def __init__(
        self,
        clock: Clock,
        budget: Budget,
        *,
        timeout_seconds: float,
        max_failures: int,
        min_open_seconds: float,
        max_open_seconds: float,
        source: random.Random | None = None,
        prober: Callable[[], None] | None = None,
    ) -> None:
        self._clock = clock
        self._budget = budget
        self._timeout_seconds = timeout_seconds
        self._max_failures = max_failures
        self._min_open_seconds = min_open_seconds
        self._max_open_seconds = max_open_seconds
        self._random = source or random.Random()
        self._prober = prober
        self.reset_after_fork()
        fork.register(self)

    def reset_after_fork(self) -> None:
        """Starts closed: what the parent saw may be true no longer."""
        self._lock = Lock()
        # Guarded by _lock for writing; the path without trouble reads the first two.
        self._state = CLOSED
        self._n_failures = 0
        self._n_openings = 0
        self._probe_at = 0.0
        self._closed_at = 0.0

    @property
    def state(self) -> int:
        """0 closed, 1 half open: a probe is under way, 2 open."""
        return self._state

    def grant(self) -> float:
        """How many seconds the call that now begins may take; 0.0: it may not be made."""
        if self._state == CLOSED:
            return self._timeout_seconds if self._budget.is_full else self._rest()
        with self._lock:
            if self._state == CLOSED:
                return self._rest()
            if self._clock.monotonic() < self._probe_at:
                return 0.0
            self._state = HALF_OPEN
            self._probe_at = self._clock.monotonic() + self._open_seconds()
        if self._prober is None:
            return self._rest()
        self._prober()
        return 0.0

    def succeeded(self, seconds: float, allowed_seconds: float) -> Change:
        """Notes an answer after `seconds`, where the tier behind would have taken `allowed_seconds`."""
        lost_seconds = seconds - allowed_seconds
        if lost_seconds <= 0 and self._state == CLOSED and not self._n_failures and self._budget.is_full:
            return Change.NONE
        with self._lock:
            if self._state == CLOSED:
                self._n_failures = 0
                self._budget.charge(lost_seconds)
                return self._open() if lost_seconds > 0 and self._is_spent() else Change.NONE
            if lost_seconds > 0:
                if self._state == HALF_OPEN:
                    self._open()
                return Change.NONE
            self._state = CLOSED
            self._n_failures = 0
            self._closed_at = self._clock.monotonic()
            return Change.CLOSED

    def failed(self, seconds: float) -> Change:
        """Notes that no answer came, after `seconds` of the caller's time."""
        self._budget.charge(seconds)
        with self._lock:
            self._n_failures += 1
            if self._state == OPEN:
                return Change.NONE  # sent before it opened
            if self._state == CLOSED and self._n_failures < self._max_failures and not self._is_spent():
                return Change.NONE
            return self._open()

    def _rest(self) -> float:
        """What the budget allows. A little even when it is spent: the tier has just been found well."""
        left = max(self._budget.left(), self._budget.seconds * _LEAST_SHARE)
        return min(self._timeout_seconds, left)

    def _is_spent(self) -> bool:
        return self._budget.left() < _SPENT_SECONDS

    def _open(self) -> Change:
        was_closed = self._state == CLOSED
        now = self._clock.monotonic()
        if was_closed and now - self._closed_at > self._max_open_seconds:
            self._n_openings = 0
        self._state = OPEN
        self._probe_at = now + self._open_seconds()
        self._n_openings += 1
        return Change.OPENED if was_closed else Change.NONE

    def _open_seconds(self) -> float:
        """Between half and all of the back-off, so that the processes of a cluster do not probe in step."""
        doubled = self._min_open_seconds * 2.0 ** min(self._n_openings, 30)
        return min(self._max_open_seconds, doubled) * self._random.uniform(0.5, 1.0)

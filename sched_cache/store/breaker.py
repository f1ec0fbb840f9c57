"""A circuit breaker that leaves a tier alone while it fails, or is slower than the next tier."""

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
"""The share of the budget that a call may take after a trouble, while the budget is still used up."""
_SPENT_SECONDS = 0.001
_LONG_SHARE = 0.25
"""The share of the budget that one call may lose to a tier that has not answered yet, before it is left alone."""


class Change(Enum):
    """The effect of an answer or a failure on the breaker."""

    NONE = auto()
    OPENED = auto()
    CLOSED = auto()


class Breaker:
    """The circuit breaker of one tier in one process. Thread-safe.

    Call `grant` before each call, let the call wait no longer than that, and report its result afterwards. Without
    trouble, both only use a few attributes; the lock is for losses and the states that follow.

    The breaker opens after `max_failures` consecutive failures, after `distrusted`, and as soon as the budget is
    used up by calls without an answer or by answers that were slower than the next tier. A tier that has not
    answered this process yet gets no second call after one that took long: the first loop of a process would lose
    most to it, because it asks for everything.

    While the breaker is open, it grants nothing until its back-off is over. Then one *probe* decides: `prober` starts
    it in the background, which does not delay the caller; without a prober, the caller's own call is the probe. The
    back-off doubles with each failed probe, and with each trouble that comes soon after the previous one. A probe
    that never reports is replaced after another back-off.
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
        """Starts closed: the state of the parent may be outdated."""
        self._lock = Lock()
        # Guarded by _lock for writing. The path without trouble reads the first two, and writes the third.
        self._state = CLOSED
        self._n_failures = 0
        self._has_answered = False
        self._n_openings = 0
        self._probe_at = 0.0
        self._closed_at = 0.0

    @property
    def state(self) -> int:
        """0 closed, 1 half open: a probe is under way, 2 open."""
        return self._state

    def grant(self) -> float:
        """The seconds that a call may take that begins now; 0.0: it must not be made."""
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
        """Records an answer after `seconds`, where the next tier would have taken `allowed_seconds`."""
        lost_seconds = seconds - allowed_seconds
        if lost_seconds <= 0 and self._state == CLOSED and not self._n_failures and self._budget.is_full:
            self._has_answered = True
            return Change.NONE
        with self._lock:
            self._has_answered = True
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
        """Records a call without an answer, after `seconds` of the caller's time."""
        self._budget.charge(seconds)
        with self._lock:
            self._n_failures += 1
            if self._state == OPEN:
                return Change.NONE  # sent before it opened
            if self._state == CLOSED and not self._has_failed_enough(seconds):
                return Change.NONE
            return self._open()

    def distrusted(self) -> Change:
        """Records an answer that shows that further answers are useless. Opens at once."""
        with self._lock:
            return self._open() if self._state == CLOSED else Change.NONE

    def _rest(self) -> float:
        """The time that the budget allows. A little even if it is used up, because the tier was just found to work."""
        left = max(self._budget.left(), self._budget.seconds * _LEAST_SHARE)
        return min(self._timeout_seconds, left)

    def _has_failed_enough(self, seconds: float) -> bool:
        if self._n_failures >= self._max_failures or self._is_spent():
            return True
        return not self._has_answered and seconds >= self._budget.seconds * _LONG_SHARE

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
        """Between half and all of the back-off, so that the processes of a cluster do not probe at the same time."""
        doubled = self._min_open_seconds * 2.0 ** min(self._n_openings, 30)
        return min(self._max_open_seconds, doubled) * self._random.uniform(0.5, 1.0)

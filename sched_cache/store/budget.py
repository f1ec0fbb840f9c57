"""The time that tiers in trouble may cost a process, shared by all of them."""

from __future__ import annotations

from threading import Lock

from sched_cache import fork
from sched_cache.clock import Clock
from sched_cache.config import Config

_REFILL_PER_SECOND = 0.1


class Budget:
    """At most `seconds` at once, and a tenth of that in each further second. Safe for threads.

    Source: the leaky bucket. Charged is what a caller lost: the whole of a call without an answer, and of an
    answer the time by which it came later than the tier behind would have answered. A call never waits longer
    than what is left, so a thread that makes one call after the other loses no more than the budget, however
    many calls it makes. Threads that wait at the same time may together charge more than there is.

    is_full: nothing was lost lately. One attribute, for the path without trouble.
    """

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self.reset_after_fork()
        fork.register(self)

    @classmethod
    def configured(cls, config: Config, clock: Clock) -> Budget:
        """`tier_loss_seconds`, or one call to Redis where the operator lets that take longer."""
        return cls(clock, max(config.tier_loss_seconds, config.redis_timeout_seconds))

    def reset_after_fork(self) -> None:
        """Starts full: the child has lost nothing yet."""
        self._lock = Lock()
        self.is_full = True
        # Guarded by _lock.
        self._lost_seconds = 0.0
        self._updated_at = self._clock.monotonic()

    @property
    def seconds(self) -> float:
        """The whole of it."""
        return self._seconds

    def left(self) -> float:
        """Seconds that may be lost now."""
        if self.is_full:
            return self._seconds
        with self._lock:
            self._refill(0.0)
            return self._seconds - self._lost_seconds

    def charge(self, seconds: float) -> None:
        """Notes a loss; less than 0 gives back what a tier in use has saved its callers."""
        if self.is_full and seconds <= 0:
            return
        with self._lock:
            self._refill(seconds)

    def _refill(self, lost_seconds: float) -> None:
        now = self._clock.monotonic()
        refilled = (now - self._updated_at) * self._seconds * _REFILL_PER_SECOND
        self._updated_at = now
        remaining = max(0.0, self._lost_seconds - refilled)
        # Threads that lost time together do not make the trouble longer: it is capped.
        self._lost_seconds = min(self._seconds, max(0.0, remaining + lost_seconds))
        self.is_full = not self._lost_seconds

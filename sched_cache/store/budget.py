"""The time that a process may lose to tiers in trouble, shared by all tiers."""

from __future__ import annotations

from threading import Lock

from sched_cache import fork
from sched_cache.clock import Clock
from sched_cache.config import Config

_REFILL_PER_SECOND = 0.1


class Budget:
    """At most `seconds` at once, and a tenth of that in each further second. Thread-safe.

    Source: the leaky bucket. The loss of a caller is charged: the whole duration of a call without an answer, and for
    an answer the time by which it was slower than the next tier. A call never waits longer than the rest of the
    budget, so a thread that makes one call after the other loses no more than the budget, for any number of calls.
    Threads that wait at the same time may together charge more than the budget.

    is_full: no time was lost lately. One attribute, for the path without trouble.
    """

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self.reset_after_fork()
        fork.register(self)

    @classmethod
    def configured(cls, config: Config, clock: Clock) -> Budget:
        """`tier_loss_seconds`, or the duration of one call to Redis if the operator allows a longer one."""
        return cls(clock, max(config.tier_loss_seconds, config.redis_timeout_seconds))

    def another(self, seconds: float) -> Budget:
        """A budget of its own by the same clock."""
        return Budget(self._clock, seconds)

    def reset_after_fork(self) -> None:
        """Starts full: the child has lost no time yet."""
        self._lock = Lock()
        self.is_full = True
        # Guarded by _lock.
        self._lost_seconds = 0.0
        self._updated_at = self._clock.monotonic()

    @property
    def seconds(self) -> float:
        """The whole budget."""
        return self._seconds

    def left(self) -> float:
        """The rest of the budget."""
        if self.is_full:
            return self._seconds
        with self._lock:
            self._refill(0.0)
            return self._seconds - self._lost_seconds

    def charge(self, seconds: float) -> None:
        """Records a loss; a negative one credits time that a tier in use has saved its callers."""
        if self.is_full and seconds <= 0:
            return
        with self._lock:
            self._refill(seconds)

    def _refill(self, lost_seconds: float) -> None:
        now = self._clock.monotonic()
        refilled = (now - self._updated_at) * self._seconds * _REFILL_PER_SECOND
        self._updated_at = now
        remaining = max(0.0, self._lost_seconds - refilled)
        # Capped, so that threads that lost time together do not prolong the trouble.
        self._lost_seconds = min(self._seconds, max(0.0, remaining + lost_seconds))
        self.is_full = not self._lost_seconds

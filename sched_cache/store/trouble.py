"""Logs once that a tier is in trouble, and once that the trouble is over."""

from __future__ import annotations

from logging import INFO, WARNING, Logger
from threading import Lock

from sched_cache import fork
from sched_cache.clock import Clock

_QUIET_SECONDS, _LONGEST_QUIET_SECONDS = 1.0, 60.0


class Trouble:
    """One kind of trouble of one tier in one process. Thread-safe; a forked child starts without trouble.

    A trouble is over when calls are answered and none has failed for a second. If it returns within a minute, that
    time doubles, up to a minute: a tier that keeps failing and recovering counts as in trouble all the time, and does
    not fill the log.

    is_known: the log has the beginning of the trouble, but not its end. One attribute, for the path without trouble.
    """

    def __init__(self, clock: Clock, logger: Logger, over: str) -> None:
        """
        Args:
            over: the line in the log that says that it is over, without a full stop.
        """
        self._clock = clock
        self._logger = logger
        self._over = over
        self.reset_after_fork()
        fork.register(self)

    def reset_after_fork(self) -> None:
        """Starts without trouble."""
        self._lock = Lock()
        self.is_known = False
        # Guarded by _lock.
        self._n_failures = 0
        self._began_at = 0.0
        self._seen_at = 0.0
        self._ended_at = float("-inf")
        self._quiet_seconds = _QUIET_SECONDS

    def seen(self) -> None:
        """Records a failure; the trouble may be known or not."""
        with self._lock:
            self._n_failures += 1
            self._seen_at = self._clock.monotonic()

    def begin(self, text: str, level: int = WARNING) -> None:
        """Logs `text`, unless the trouble is known: what happens, and what to do."""
        with self._lock:
            now = self._seen_at = self._clock.monotonic()
            if self.is_known:
                return
            came_back = now - self._ended_at < _LONGEST_QUIET_SECONDS
            doubled = min(2 * self._quiet_seconds, _LONGEST_QUIET_SECONDS)
            self._quiet_seconds = doubled if came_back else _QUIET_SECONDS
            self._began_at = now
            self.is_known = True
        self._logger.log(level, "%s", text)

    def calm(self) -> None:
        """Records an answer. Check `is_known` before."""
        with self._lock:
            now = self._clock.monotonic()
            if not self.is_known or now - self._seen_at < self._quiet_seconds:
                return
            self.is_known = False
            self._ended_at = now
            seconds, n_failures = now - self._began_at, self._n_failures
            self._n_failures = 0
        self._logger.log(INFO, "%s (after %.0f s, %d failed calls)", self._over, seconds, n_failures)

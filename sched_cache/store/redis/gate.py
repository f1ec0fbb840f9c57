"""A gate for one kind of command that Redis may refuse while it answers others."""

from __future__ import annotations

from logging import Logger

from sched_cache.clock import Clock
from sched_cache.store.breaker import CLOSED, Breaker
from sched_cache.store.budget import Budget
from sched_cache.store.redis.refusal import refusal_of
from sched_cache.store.trouble import Trouble

_MIN_SECONDS, _MAX_SECONDS = 0.5, 2.0


class Gate:
    """A refusal closes the gate for a while; then one command tries again. Thread-safe.

    A refusal takes one round trip and no waiting, so another attempt is cheap. The pause is short, so that writes
    resume soon after the server accepts them.
    """

    def __init__(self, clock: Clock, logger: Logger, refuses: str, takes: str) -> None:
        """
        Args:
            refuses: beginning of the log line that says that the server refuses.
            takes: log line that says that it does so no longer.
        """
        self._breaker = Breaker(
            clock,
            Budget(clock, 1.0),
            timeout_seconds=1.0,
            max_failures=1,
            min_open_seconds=_MIN_SECONDS,
            max_open_seconds=_MAX_SECONDS,
        )
        self._trouble = Trouble(clock, logger, takes)
        self._refuses = refuses

    def is_open(self) -> bool:
        """Whether a command of this kind may be sent now."""
        return self._breaker.grant() > 0

    def taken(self) -> None:
        """Records that the server accepted a command."""
        if self._trouble.is_known:
            self._trouble.calm()
        if self._breaker.state != CLOSED:
            self._breaker.succeeded(0.0, 0.0)

    def refused(self, error: BaseException, reason: str) -> None:
        """Records a refusal, and logs it once."""
        self._breaker.failed(0.0)
        self._trouble.seen()
        self._trouble.begin(f"{self._refuses} ({reason}). What to do: {refusal_of(error).advice}")

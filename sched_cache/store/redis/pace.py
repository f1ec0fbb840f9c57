"""How often a process asks the database because of what it hears."""

from __future__ import annotations

_BURST = 8.0
_PER_SECOND = 12.0
MAX_QUESTIONS_PER_SECOND = int(_BURST + _PER_SECOND)
"""In any second, however many messages are heard."""


class Pace:
    """A token bucket: single messages are followed at once, many of them together.

    For one thread. Times are seconds of one monotonic clock.
    """

    def __init__(self) -> None:
        self._tokens = _BURST
        self._counted_at = float("-inf")

    def wait_seconds(self, now: float) -> float:
        """How long to wait before the next question."""
        self._refill(now)
        return max(0.0, (1.0 - self._tokens) / _PER_SECOND)

    def spend(self, now: float) -> None:
        """Notes one question."""
        self._refill(now)
        self._tokens = max(0.0, self._tokens - 1.0)

    def _refill(self, now: float) -> None:
        self._tokens = min(_BURST, self._tokens + (now - self._counted_at) * _PER_SECOND)
        self._counted_at = now

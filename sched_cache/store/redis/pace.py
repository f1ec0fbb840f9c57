"""The rate limit of questions to the database because of notifications."""

from __future__ import annotations

_BURST = 8.0
_PER_SECOND = 12.0
MAX_QUESTIONS_PER_SECOND = int(_BURST + _PER_SECOND)
"""The limit in any second, for any number of messages."""


class Pace:
    """A token bucket: a single message leads to a question at once, many messages to one question together.

    For one thread. Times are in seconds of one monotonic clock.
    """

    def __init__(self) -> None:
        self._tokens = _BURST
        self._counted_at = float("-inf")

    def wait_seconds(self, now: float) -> float:
        """The time to wait before the next question."""
        self._refill(now)
        return max(0.0, (1.0 - self._tokens) / _PER_SECOND)

    def spend(self, now: float) -> None:
        """Records one question."""
        self._refill(now)
        self._tokens = max(0.0, self._tokens - 1.0)

    def _refill(self, now: float) -> None:
        self._tokens = min(_BURST, self._tokens + (now - self._counted_at) * _PER_SECOND)
        self._counted_at = now

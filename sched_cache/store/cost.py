"""How long a tier takes to answer, as measured."""

from __future__ import annotations

_WEIGHT = 1 / 8
"""Of the latest measurement in the moving average."""
_LEAST_SECONDS = 0.002
"""On a busy machine every answer takes as long now and then."""


class Cost:
    """The seconds of a read: those of the first part, and those of each further one. Safe for threads.

    Source: an exponentially weighted moving average (as RFC 6298 has for round trips). A fork may keep it.

    Args:
        seconds: of the first part, before anything was measured.
        seconds_per_part: of each further part, before anything was measured.
    """

    def __init__(self, seconds: float = 0.005, seconds_per_part: float = 0.0002) -> None:
        self._seconds = seconds
        self._seconds_per_part = seconds_per_part

    def record(self, seconds: float, n_parts: int = 1) -> None:
        """Notes a read of `n_parts` that was answered."""
        if n_parts <= 1:
            self._seconds += (seconds - self._seconds) * _WEIGHT
        else:
            per_part = max(0.0, seconds - self._seconds) / (n_parts - 1)
            self._seconds_per_part += (per_part - self._seconds_per_part) * _WEIGHT

    def of(self, n_parts: int = 1) -> float:
        """What a read of `n_parts` takes, by and large."""
        return max(_LEAST_SECONDS, self._seconds + (n_parts - 1) * self._seconds_per_part)

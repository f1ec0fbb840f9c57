"""The measured response time of a tier."""

from __future__ import annotations

_WEIGHT = 1 / 8
"""The weight of the latest measurement in the moving average."""
_LEAST_SECONDS = 0.002
"""On a busy machine, any answer takes this long now and then."""


class Cost:
    """The duration of a read: a time for the first part, and a time for each further part. Thread-safe.

    Source: an exponentially weighted moving average (as in RFC 6298 for round trips). A forked child may keep it.

    Args:
        seconds: initial value for the first part.
        seconds_per_part: initial value for each further part.
    """

    def __init__(self, seconds: float = 0.005, seconds_per_part: float = 0.0002) -> None:
        self._seconds = seconds
        self._seconds_per_part = seconds_per_part

    def record(self, seconds: float, n_parts: int = 1) -> None:
        """Records a successful read of `n_parts`."""
        if n_parts <= 1:
            self._seconds += (seconds - self._seconds) * _WEIGHT
        else:
            per_part = max(0.0, seconds - self._seconds) / (n_parts - 1)
            self._seconds_per_part += (per_part - self._seconds_per_part) * _WEIGHT

    def of(self, n_parts: int = 1) -> float:
        """The expected duration of a read of `n_parts`."""
        return max(_LEAST_SECONDS, self._seconds + (n_parts - 1) * self._seconds_per_part)

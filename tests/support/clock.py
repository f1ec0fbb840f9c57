"""A clock that a test moves."""

from __future__ import annotations


class ManualClock:
    """Stands still until a caller sleeps or moves it on."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now
        self.slept: list[float] = []

    def monotonic(self) -> float:
        """The time that was set."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Moves on by `seconds`."""
        self.slept.append(seconds)
        self.now += seconds

"""Time as an argument: code that waits or measures age takes a `Clock`, so that a test can own the time."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """The time of one process. It is never compared with that of another process: only differences are meaningful."""

    def monotonic(self) -> float:
        """Seconds since an arbitrary moment; never goes back."""
        ...

    def sleep(self, seconds: float) -> None:
        """Returns no earlier than `seconds` from now."""
        ...


class SystemClock:
    """The operating system's monotonic clock."""

    monotonic = staticmethod(time.monotonic)
    sleep = staticmethod(time.sleep)

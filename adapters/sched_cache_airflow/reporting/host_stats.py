"""The host's metrics as a statsd client."""

from __future__ import annotations

import math
import re
from typing import Any

_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_.-]+")


class HostStats:
    """Names contain only characters that the host allows. stats: the host's `Stats`."""

    def __init__(self, stats: Any) -> None:
        self._stats = stats

    def incr(self, stat: str, count: int) -> None:
        self._stats.incr(_NOT_IN_NAMES.sub("_", stat), count)

    def gauge(self, stat: str, value: float) -> None:
        if math.isfinite(value):
            self._stats.gauge(_NOT_IN_NAMES.sub("_", stat), value)

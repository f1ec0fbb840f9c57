"""Asks a store until it answers, because a store that was in trouble is not asked for some seconds."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from sched_cache.errors import StoreUnavailableError

T = TypeVar("T")

HEALED_SECONDS = 15.0
"""Five of them are the longest pause between two questions; the rest is for a busy machine."""


def until_answered(ask: Callable[[], T]) -> T:
    """The result of the first call of `ask` without a StoreUnavailableError. After a time-out, raises the last one."""
    deadline = time.monotonic() + HEALED_SECONDS
    while True:
        try:
            return ask()
        except StoreUnavailableError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.05)

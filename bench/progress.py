"""The progress of a run: the current case, and the expected time of the rest."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import TextIO

from sched_cache.cli.progress import StatusLine


class Progress:
    """Not for threads. `expected_seconds`: of each case, in the order they are run; what is left is told from them."""

    def __init__(self, expected_seconds: Sequence[float], stream: TextIO = sys.stderr) -> None:
        self._expected_seconds = expected_seconds
        self._done = 0
        self._started = time.monotonic()
        self._line = StatusLine(stream, plain_seconds=10.0)

    def say(self, text: str) -> None:
        self._line.show(f"{self._where()} {text}")

    def case_done(self, text: str) -> None:
        self._done += 1
        self._line.note(f"{self._where()} {text}")

    def note(self, text: str) -> None:
        self._line.note(text)

    def _where(self) -> str:
        elapsed = time.monotonic() - self._started
        left = minutes_left(self._expected_seconds, self._done, elapsed)
        return f"[{self._done}/{len(self._expected_seconds)} {elapsed:.0f} s, {left:.0f} min left]"


def minutes_left(expected_seconds: Sequence[float], n_done: int, elapsed_seconds: float) -> float:
    """The expected time of the remaining cases, corrected by the pace of the completed ones."""
    was_expected = sum(expected_seconds[:n_done])
    pace = elapsed_seconds / was_expected if was_expected else 1.0
    in_this_case = 0.0 if n_done else elapsed_seconds
    return max(0.0, pace * sum(expected_seconds[n_done:]) - in_this_case) / 60

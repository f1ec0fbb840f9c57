"""One line on standard error that says what is being measured; plain lines when that is not a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import TextIO


class Progress:
    """Not for threads. `expected_seconds`: of each case, in the order they are run; what is left is told from them."""

    def __init__(self, expected_seconds: Sequence[float], stream: TextIO = sys.stderr) -> None:
        self._expected_seconds = expected_seconds
        self._done = 0
        self._stream = stream
        self._started = time.monotonic()
        self._last_plain = 0.0

    def say(self, text: str) -> None:
        line = f"{self._where()} {text}"
        if self._stream.isatty():
            self._stream.write(f"\r\x1b[K{line[:118]}")
        elif time.monotonic() - self._last_plain > 10:
            self._last_plain = time.monotonic()
            self._stream.write(line + "\n")
        self._stream.flush()

    def case_done(self, text: str) -> None:
        self._done += 1
        self._write_line(f"{self._where()} {text}")

    def note(self, text: str) -> None:
        self._write_line(text)

    def _where(self) -> str:
        elapsed = time.monotonic() - self._started
        left = minutes_left(self._expected_seconds, self._done, elapsed)
        return f"[{self._done}/{len(self._expected_seconds)} {elapsed:.0f} s, {left:.0f} min left]"

    def _write_line(self, line: str) -> None:
        clear = "\r\x1b[K" if self._stream.isatty() else ""
        self._stream.write(f"{clear}{line}\n")
        self._stream.flush()


def minutes_left(expected_seconds: Sequence[float], n_done: int, elapsed_seconds: float) -> float:
    """The expected time of the remaining cases, corrected by the pace of the completed ones."""
    was_expected = sum(expected_seconds[:n_done])
    pace = elapsed_seconds / was_expected if was_expected else 1.0
    in_this_case = 0.0 if n_done else elapsed_seconds
    return max(0.0, pace * sum(expected_seconds[n_done:]) - in_this_case) / 60

"""One line on standard error that says what is being measured; plain lines when that is not a terminal."""

from __future__ import annotations

import sys
import time
from typing import TextIO


class Progress:
    """Not for threads. `n_cases` is what the share done is counted against."""

    def __init__(self, n_cases: int, stream: TextIO = sys.stderr) -> None:
        self._n_cases = n_cases
        self._done = 0
        self._stream = stream
        self._started = time.monotonic()
        self._last_plain = 0.0

    def say(self, text: str) -> None:
        line = f"[{self._done}/{self._n_cases} {time.monotonic() - self._started:5.0f} s] {text}"
        if self._stream.isatty():
            self._stream.write(f"\r\x1b[K{line[:118]}")
        elif time.monotonic() - self._last_plain > 10:
            self._last_plain = time.monotonic()
            self._stream.write(line + "\n")
        self._stream.flush()

    def case_done(self, text: str) -> None:
        self._done += 1
        self._write_line(f"[{self._done}/{self._n_cases} {time.monotonic() - self._started:5.0f} s] {text}")

    def note(self, text: str) -> None:
        self._write_line(text)

    def _write_line(self, line: str) -> None:
        clear = "\r\x1b[K" if self._stream.isatty() else ""
        self._stream.write(f"{clear}{line}\n")
        self._stream.flush()

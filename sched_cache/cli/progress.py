"""Progress of a long command on standard error: a line that is updated on a terminal, otherwise a line now and then."""

from __future__ import annotations

import sys
from time import monotonic
from typing import TextIO

_WIDTH = 24
_MAX_LINE_LENGTH = 118


class StatusLine:
    """The current state of a command, and notes that stay above it. Not for threads.

    Shows nothing within the first second; then ten times a second at most on a terminal, and every `plain_seconds`
    elsewhere.
    """

    def __init__(self, stream: TextIO | None = None, *, plain_seconds: float = 5.0) -> None:
        self._stream = stream or sys.stderr
        self._is_terminal = self._stream.isatty()
        self._every_seconds = 0.1 if self._is_terminal else plain_seconds
        self._next_at = monotonic() + 1.0
        self._has_shown = False

    def is_due(self) -> bool:
        """Whether `show` would show anything now."""
        return monotonic() >= self._next_at

    def show(self, text: str) -> None:
        """Replaces the current state, if it is time."""
        if self.is_due():
            self._next_at = monotonic() + self._every_seconds
            self._write(text)

    def note(self, text: str) -> None:
        """Writes a line that stays."""
        clear = "\r\x1b[K" if self._is_terminal else ""
        self._stream.write(f"{clear}{text}\n")
        self._stream.flush()

    def close(self, text: str) -> None:
        """Leaves `text` as the last state, if any has been shown."""
        if self._has_shown:
            self._write(text)
            if self._is_terminal:
                self._stream.write("\n")
                self._stream.flush()

    def _write(self, text: str) -> None:
        self._has_shown = True
        self._stream.write(f"\r\x1b[K{text[:_MAX_LINE_LENGTH]}" if self._is_terminal else f"{text}\n")
        self._stream.flush()


class Progress:
    """Counts up to `total`. Prints nothing for work that ends within a second."""

    def __init__(self, what: str, total: int) -> None:
        self._what = what
        self._total = total
        self._done = 0
        self._started = monotonic()
        self._line = StatusLine()

    def advance(self, n: int = 1) -> None:
        """Counts `n` more items as done."""
        self._done += n
        if self._line.is_due():
            self._line.show(self._state())

    def close(self) -> None:
        """Ends the progress line."""
        self._line.close(self._state())

    def _state(self) -> str:
        rate = self._done / max(monotonic() - self._started, 1e-9)
        left = (self._total - self._done) / rate if rate else 0.0
        filled = _WIDTH * self._done // max(self._total, 1)
        bar = "#" * filled + "." * (_WIDTH - filled)
        return f"{self._what} [{bar}] {self._done:,}/{self._total:,}  {rate:,.0f}/s  {left:,.0f} s left"

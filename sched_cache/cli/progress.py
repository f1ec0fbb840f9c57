"""Progress of a long command on standard error: a line that is updated on a terminal, otherwise a line now and then."""

from __future__ import annotations

import sys
from time import monotonic

_WIDTH = 24


class Progress:
    """Counts up to `total`. Prints nothing for work that ends within a second."""

    def __init__(self, what: str, total: int) -> None:
        self._what = what
        self._total = total
        self._done = 0
        self._started = monotonic()
        self._is_terminal = sys.stderr.isatty()
        self._next_at = self._started + 1.0
        self._has_written = False

    def advance(self, n: int = 1) -> None:
        """Counts `n` more items as done."""
        self._done += n
        now = monotonic()
        if now >= self._next_at:
            self._next_at = now + (0.1 if self._is_terminal else 5.0)
            self._write(now)

    def close(self) -> None:
        """Ends the progress line."""
        if self._has_written:
            self._write(monotonic())
            if self._is_terminal:
                print(file=sys.stderr)

    def _write(self, now: float) -> None:
        self._has_written = True
        rate = self._done / max(now - self._started, 1e-9)
        left = (self._total - self._done) / rate if rate else 0.0
        filled = _WIDTH * self._done // max(self._total, 1)
        bar = "#" * filled + "." * (_WIDTH - filled)
        line = f"{self._what} [{bar}] {self._done:,}/{self._total:,}  {rate:,.0f}/s  {left:,.0f} s left"
        if self._is_terminal:
            print(f"\r{line}\x1b[K", end="", file=sys.stderr, flush=True)
        else:
            print(line, file=sys.stderr, flush=True)

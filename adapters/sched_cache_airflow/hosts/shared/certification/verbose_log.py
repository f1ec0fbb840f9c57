"""A logger at the level of debugging that drops the lines of that level."""

from __future__ import annotations

from typing import Any


class VerboseLog:
    """Like `stock`, which is a logger of the standard library or of structlog, in everything else."""

    def __init__(self, stock: Any) -> None:
        self._stock = stock

    def isEnabledFor(self, level: int) -> bool:  # the name of the standard library
        """True."""
        return True

    def debug(self, *arguments: Any, **options: Any) -> None:
        """Drops the line."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stock, name)

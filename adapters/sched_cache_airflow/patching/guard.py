"""Errors of the plugin in a host: which are counted and answered by the host's own path, and which pass."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

Note = Callable[[str, Exception], object]
"""Counts and logs an error under its reason: `Fallbacks.note`, or a function that also switches something off."""

HOSTS_OWN: Final[tuple[type[Exception], ...]] = (SQLAlchemyError,)
"""Errors of the host's own session: its own path would have met the same. They pass unless a caller says otherwise.

`KeyboardInterrupt`, `SystemExit` and the like are no `Exception`, and always pass.
"""


def falls_back(
    error: Exception, reason: str, note: Note, passing: tuple[type[Exception], ...] = HOSTS_OWN
) -> bool:
    """Whether the host's own path is to be taken after this error, which is counted then; else it has to be raised.

    For `except Exception` in place, where a context manager takes too long; anywhere else `guard` asks.
    """
    if isinstance(error, passing):
        return False
    note(reason, error)
    return True


class guard:
    """A block of ours, after which the host's own path is taken if it fails.

    Args:
        reason: of the fallback, as it is counted.
        note: what counts it.
        passing: errors that are the host's.
    """

    __slots__ = ("_note", "_passing", "_reason")

    def __init__(self, reason: str, note: Note, passing: tuple[type[Exception], ...] = HOSTS_OWN) -> None:
        self._reason = reason
        self._note = note
        self._passing = passing

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        return isinstance(error, Exception) and falls_back(error, self._reason, self._note, self._passing)

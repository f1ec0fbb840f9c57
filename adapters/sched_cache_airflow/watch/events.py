"""Tells when to look: soon after something below a folder has changed, and now and then in any case."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePath
from typing import Any

_TICK_MILLISECONDS = 500
_NOT_OF_AUTHORS = frozenset({"__pycache__", ".git", ".mypy_cache", ".ruff_cache"})


class EventsUnavailableError(Exception):
    """The system gives no file events here; the text says why and what to do."""


def file_events(paths: Sequence[str], rest_seconds: float) -> Iterator[bool]:
    """True after a change below one of `paths`, once nothing changed for `rest_seconds`; False when nothing did.

    At least two answers a second. The first one comes when the system has begun to watch: a scan after it misses
    nothing. Symlinks are resolved once, at the beginning; what is not there then, or may not be read, has no events.

    Raises:
        EventsUnavailableError: `watchfiles` is not installed, or there are too many folders.
    """
    try:
        from watchfiles import watch
    except ImportError:
        raise EventsUnavailableError(
            "watchfiles is not installed: pip install 'sched-cache[watch]'"
        ) from None
    rest = max(1, int(rest_seconds * 1000))
    try:
        for changes in watch(
            *paths,
            watch_filter=_is_of_authors,
            step=rest,
            debounce=rest * 10,
            rust_timeout=_TICK_MILLISECONDS,
            yield_on_timeout=True,
            ignore_permission_denied=True,
        ):
            yield bool(changes)
    except (OSError, RuntimeError) as error:  # the system's limits are either
        raise EventsUnavailableError(
            f"no file events: {error}; if there are too many folders, raise fs.inotify.max_user_watches"
        ) from error


def _is_of_authors(change: Any, path: str) -> bool:
    return _NOT_OF_AUTHORS.isdisjoint(PurePath(path).parts) and not path.endswith((".pyc", ".swp", "~"))

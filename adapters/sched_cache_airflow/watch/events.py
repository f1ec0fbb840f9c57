"""Wakes the watcher: soon after a change below a folder, and periodically."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePath
from typing import Any

_TICK_MILLISECONDS = 500
_NOT_OF_AUTHORS = frozenset({"__pycache__", ".git", ".mypy_cache", ".ruff_cache"})


class EventsUnavailableError(Exception):
    """There are no file events for these folders. The text has the reason and a remedy."""


def file_events(paths: Sequence[str], rest_seconds: float) -> Iterator[bool]:
    """Yields True after a change below one of `paths` and `rest_seconds` without another; False without a change.

    Yields at least twice a second. The first value comes after the system has begun to watch, so that a scan after it
    misses nothing. Symlinks are resolved once, at the start. Files that are missing or unreadable then cause no events.

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
    except (OSError, RuntimeError) as error:  # exceeded limits of the system raise either of them
        raise EventsUnavailableError(
            f"no file events: {error}; if there are too many folders, raise fs.inotify.max_user_watches"
        ) from error


def _is_of_authors(change: Any, path: str) -> bool:
    return _NOT_OF_AUTHORS.isdisjoint(PurePath(path).parts) and not path.endswith((".pyc", ".swp", "~"))

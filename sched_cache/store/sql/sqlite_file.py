"""The file of a SQLite database, which somebody may replace while connections to it are open."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from sqlalchemy.engine import URL


class SqliteFile:
    """Tells when the file is another one than that of the open connections. Safe for threads.

    A connection to a file that was moved, replaced or deleted reads and writes the old one for ever, and what it
    says is true of nothing. One look costs a call of the system.
    """

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self.reset_after_fork()

    def reset_after_fork(self) -> None:
        """The child opens connections of its own."""
        self._lock = threading.Lock()  # guards _identity
        self._identity: tuple[int, int] | None = None

    def was_replaced(self) -> bool:
        """Whether the open connections are to be given up; said once for each replacement."""
        found = self._look()
        known = self._identity
        if known is None or found == known:
            return False
        with self._lock:
            was_replaced = self._identity == known
            if was_replaced:
                self._identity = None
            return was_replaced

    def opened(self) -> None:
        """Notes which file a new connection is to."""
        with self._lock:
            self._identity = self._look()

    def _look(self) -> tuple[int, int] | None:
        try:
            status = os.stat(self._path)
        except OSError:
            return None
        return status.st_dev, status.st_ino


def file_of(url: URL) -> SqliteFile | None:
    """The file that `url` names; None for a server, and for a path that SQLite itself takes apart."""
    if url.get_backend_name() != "sqlite" or not url.database or url.query.get("uri"):
        return None
    return SqliteFile(os.path.abspath(url.database))

"""The file of a SQLite database, which may be replaced while connections to it are open."""

from __future__ import annotations

import os
import threading
from typing import Any

from sqlalchemy.engine import URL


class SqliteFile:
    """Detects that the file differs from that of the open connections. Thread-safe.

    A connection to a file that was moved, replaced or deleted reads and writes the old file for ever. It does not
    notice a backup that was copied over the file either: with a write-ahead log, SQLite trusts the pages that it holds
    as long as nothing was written through that log. The file itself changes then
    only at a checkpoint, so connections are given up after each of those too; a thousand pages are written
    between two. One look costs a call of the system.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.reset_after_fork()

    def reset_after_fork(self) -> None:
        """The child opens connections of its own."""
        # Guards all fields. Reentrant, because a signal handler may fork while its thread has it.
        self._lock = threading.RLock()
        self._identity: tuple[int, ...] | None = None
        self._has_log = False

    def was_replaced(self) -> bool:
        """Whether the open connections must be closed; true once for each replacement."""
        found = self._look()
        known = self._identity
        if known is None or found == known:
            return False
        with self._lock:
            was_replaced = self._identity == known
            if was_replaced:
                self._identity = None
            return was_replaced

    def forget(self) -> None:
        """No connection is open any more."""
        with self._lock:
            self._identity = None

    def opened(self, dbapi_connection: Any) -> None:
        """Notes which file a new connection is to, unless there are older ones: then they may be to another."""
        with self._lock:
            if self._identity is None:
                ((mode,),) = dbapi_connection.execute("PRAGMA journal_mode").fetchall()
                self._has_log = mode == "wal"
                self._identity = self._look()

    def _look(self) -> tuple[int, ...] | None:
        # Never opened here: closing it would end the locks that SQLite has on it for this process.
        try:
            status = os.stat(self.path)
        except OSError:
            return None
        changed = (status.st_mtime_ns, status.st_size) if self._has_log else ()
        return status.st_dev, status.st_ino, *changed


def file_of(url: URL) -> SqliteFile | None:
    """The file that `url` names; None for a server, and for a path that SQLite itself takes apart."""
    if url.get_backend_name() != "sqlite" or not url.database or url.query.get("uri"):
        return None
    return SqliteFile(os.path.abspath(url.database))

"""A redis-py pool that reuses a recently used connection without a system call."""

from __future__ import annotations

import sys
import time
from typing import Any

from redis.connection import ConnectionPool

_RECENT_SECONDS = 1.0


class RecentPool(ConnectionPool):
    """A connection that answered within the last second is used without a check; redis-py checks any other.

    The check finds out whether the server has closed the connection or sent unexpected data. It takes a system call
    and two locks, a quarter of the time of a GET on loopback. Therefore, in the second after a restart of the server,
    one call per connection may fail that would have connected again with the check. A connection on which an exception
    was raised, and which may have an unread answer, is always checked.

    Thread-safe. Not for use after a fork: a child creates its own pool.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Changed only by operations that the interpreter does not interrupt. redis-py sees these as in use.
        self._recent: list[tuple[Any, float]] = []

    def get_connection(self, *args: Any, **kwargs: Any) -> Any:
        """A connection that is ready to send. Raises as redis-py's."""
        try:
            connection, used_at = self._recent.pop()
        except IndexError:
            return super().get_connection(*args, **kwargs)
        if _has_socket(connection) and time.monotonic() - used_at < _RECENT_SECONDS:
            return connection
        super().release(connection)
        return super().get_connection(*args, **kwargs)

    def release(self, connection: Any) -> None:
        """Takes back what `get_connection` gave out."""
        if _has_socket(connection) and sys.exc_info()[0] is None and not _is_to_reconnect(connection):
            self._recent.append((connection, time.monotonic()))
        else:
            super().release(connection)


def _has_socket(connection: Any) -> bool:
    return connection._sock is not None


def _is_to_reconnect(connection: Any) -> bool:
    should_reconnect = getattr(connection, "should_reconnect", None)  # not in redis-py 5
    return should_reconnect is not None and should_reconnect()

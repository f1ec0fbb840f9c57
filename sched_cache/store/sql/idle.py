"""Open connections between the calls that use them."""

from __future__ import annotations

from contextlib import suppress

from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError


class IdleConnections:
    """Up to `max_idle` connections, of which the last one kept is the first one taken. Thread-safe.

    They replace the pool of SQLAlchemy for connections in autocommit mode. Such a connection has no transaction to end,
    so it can stay as it is; checking it out of a pool and in again costs more than the statement of a certification.

    A fork: the child makes a new object and keeps this one, whose connections it must neither use nor close.
    """

    def __init__(self, max_idle: int) -> None:
        self._max_idle = max_idle
        self._connections: list[Connection] = []  # only changed by single operations of the list

    def __len__(self) -> int:
        return len(self._connections)

    def take(self) -> Connection | None:
        """A connection that nothing else uses, or None."""
        try:
            return self._connections.pop()
        except IndexError:
            return None

    def keep(self, connection: Connection) -> None:
        """Keeps a connection whose last statement has succeeded, or closes it if there are enough."""
        # Threads that come at the same time may exceed the limit by one each, until these connections are used again.
        if len(self._connections) < self._max_idle:
            self._connections.append(connection)
        else:
            connection.close()

    def close(self) -> None:
        """Closes all of them. Those in use are not affected."""
        while (connection := self.take()) is not None:
            with suppress(SQLAlchemyError):  # broken before
                connection.close()

"""The socket of a driver's connection, which another thread than the waiting one can shut down."""

from __future__ import annotations

import os
import socket
from typing import Any

_ASK_SECONDS = 1.0


class Line:
    """One connection of a driver, at its socket.

    The socket is identified by its number and its identity, because the driver may close it at any time, and the
    system then gives the number to the next file that is opened.
    """

    __slots__ = ("__weakref__", "_connection", "_identity", "descriptor")

    def __init__(self, dbapi_connection: Any) -> None:
        self._connection = dbapi_connection
        self.descriptor = _descriptor_of(dbapi_connection)
        self._identity = None if self.descriptor is None else _identity_of(self.descriptor)

    @property
    def is_open(self) -> bool:
        """Whether the number still belongs to the socket."""
        return self.descriptor is not None and _identity_of(self.descriptor) == self._identity

    @property
    def can_be_asked(self) -> bool:
        """Whether `ask_to_stop` may be used. Not with psycopg2, whose `cancel` stops the whole process meanwhile."""
        return hasattr(self._connection, "cancel_safe")

    def ask_to_stop(self) -> None:
        """Asks the server to end the statement; if it does, the connection stays usable. May block."""
        try:
            self._connection.cancel_safe(timeout=_ASK_SECONDS)
        except Exception:  # Each driver has its own errors, and `cut` follows in any case.
            return

    def cut(self) -> None:
        """Makes the driver return from its wait with an error. Never blocks."""
        if self.descriptor is None:
            interrupt = getattr(self._connection, "interrupt", None)
            if interrupt is not None:
                try:
                    interrupt()
                except Exception:  # Closed meanwhile.
                    return
            return
        try:
            # A duplicate first: no other thread can close it between the check and the shutdown.
            own = os.dup(self.descriptor)
        except OSError:
            return
        try:
            if _identity_of(own) == self._identity:
                with socket.socket(fileno=own) as held:
                    own = -1
                    held.shutdown(socket.SHUT_RDWR)
        except OSError:
            return
        finally:
            if own >= 0:
                os.close(own)


def _identity_of(descriptor: int) -> tuple[int, int] | None:
    try:
        status = os.fstat(descriptor)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _descriptor_of(dbapi_connection: Any) -> int | None:
    """The number of an open connection's socket; None if it is closed or the driver does not reveal it."""
    for holder in (dbapi_connection, getattr(dbapi_connection, "_sock", None)):
        try:
            descriptor: int = holder.fileno()  # type: ignore[union-attr]  # AttributeError is answered below
        except Exception:  # Every driver has its own way to say that the connection is closed.
            continue
        if descriptor >= 0:
            return descriptor
    return None

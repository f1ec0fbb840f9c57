"""Connections of redis-py that together keep to one deadline per call.

redis-py bounds each wait for the socket. One call may wait many times: for the network, for the answers to a
password and to a database number, for each sentinel, for each node of a cluster that is asked for the others.
"""

from __future__ import annotations

import math
import threading
import time
from typing import Any

from redis.connection import AbstractConnection, Connection, SSLConnection, UnixDomainSocketConnection
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.sentinel import SentinelManagedConnection, SentinelManagedSSLConnection


class _Call(threading.local):
    ends_at = math.inf


_call = _Call()


def start_call(seconds: float) -> None:
    """From now on, and until it calls this again, this thread waits for Redis `seconds` in all."""
    _call.ends_at = time.monotonic() + seconds


class _Bounded(AbstractConnection):
    """A connection whose waits end with the call. Its own `socket_timeout` stays the most for one of them."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._longest_wait: float = kwargs["socket_timeout"]

    def _wait_seconds(self) -> float:
        seconds = min(_call.ends_at - time.monotonic(), self._longest_wait)
        if seconds <= 0:
            raise RedisTimeoutError("the time for this call is over")
        return seconds

    def _connect(self) -> Any:
        self.socket_timeout = self.socket_connect_timeout = self._wait_seconds()
        # Untyped in redis-py, and abstract only until the class behind this one is mixed in.
        return super()._connect()  # type: ignore[safe-super,no-untyped-call]

    def send_packed_command(self, *args: Any, **kwargs: Any) -> Any:
        sock: Any = self._sock
        if sock is not None:
            # Holds for the answer too: it is read with the timeout that the socket has.
            sock.settimeout(self._wait_seconds())
        return super().send_packed_command(*args, **kwargs)  # type: ignore[no-untyped-call]  # redis-py


class BoundedConnection(_Bounded, Connection):
    """TCP."""


class BoundedSSLConnection(_Bounded, SSLConnection):
    """TCP with TLS."""


class BoundedUnixConnection(_Bounded, UnixDomainSocketConnection):
    """A socket file."""


class BoundedSentinelConnection(_Bounded, SentinelManagedConnection):
    """TCP to whatever server the sentinels name."""


class BoundedSentinelSSLConnection(_Bounded, SentinelManagedSSLConnection):
    """TCP with TLS to whatever server the sentinels name."""

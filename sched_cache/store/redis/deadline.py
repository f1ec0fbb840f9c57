"""The deadline of a call to Redis, and a socket that observes it.

redis-py limits each wait for the socket. One call may wait many times: for the resolution of a name, for the network,
for TLS, for the answers to a password and to a database number, for each sentinel, for each node of a cluster that is
asked for the others, and for each packet of an answer that trickles. Here all of them share the remaining time of the
call, and all answers share a limit of bytes.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_TLS_RECORD_BYTES = 1 << 14
_LONGEST_SECONDS = 3600.0
"""The longest wait; an infinite one is not allowed by the system."""
_NEGLIGIBLE_SECONDS = 0.001
_SHORT_SECONDS = 0.02
"""A call with less time left has an exact time-out."""


class _Call(threading.local):
    ends_at = math.inf
    bytes_left: float = math.inf
    bytes_read = 0


_call = _Call()


def start_call(seconds: float, max_bytes: float = math.inf) -> float:
    """From now on, until the next call of this function, this thread waits for Redis for `seconds` in total.

    max_bytes: the limit of the bytes that the server may send in that time.

    Returns:
        The time of `time.monotonic` at which the call begins.
    """
    now = time.monotonic()
    call = _call
    call.ends_at = now + seconds
    call.bytes_left = max_bytes
    call.bytes_read = 0
    return now


def extend_call(seconds: float) -> None:
    """Extends the call of this thread by a time that was not spent on Redis."""
    _call.ends_at += seconds


def remaining_seconds(longest: float = _LONGEST_SECONDS) -> float:
    """The remaining time of the call of this thread, at most `longest`. Raises TimeoutError if there is none."""
    seconds = _call.ends_at - time.monotonic()
    if seconds <= 0:
        raise TimeoutError("the time for this call is over")
    return min(seconds, longest)


def bytes_read() -> int:
    """The number of bytes that the server has sent since the call began."""
    return _call.bytes_read


@contextmanager
def share_of_call(fraction: float) -> Iterator[None]:
    """A block in which the call ends after this fraction of its remaining time."""
    ends_at = _call.ends_at
    now = time.monotonic()
    _call.ends_at = min(ends_at, now + max(0.0, min(ends_at - now, _LONGEST_SECONDS)) * fraction)
    try:
        yield
    finally:
        _call.ends_at = ends_at


class BoundedSocket:
    """A connected socket whose waits end with the call of the waiting thread.

    All uses of the socket by redis-py and hiredis except sending and receiving go to the socket itself. A time-out
    that they set applies to the next `recv` only, which is how they check whether data has arrived.

    longest: the limit of a single wait in seconds, also if no call has begun.
    """

    __slots__ = ("_has_own_timeout", "_is_tls", "_longest", "_socket", "_timeout")

    def __init__(self, connected: Any, is_tls: bool, longest: float) -> None:
        self._socket = connected
        self._is_tls = is_tls
        self._longest = longest
        self._has_own_timeout = False
        self._timeout = math.inf  # of the socket; infinite: unknown

    def settimeout(self, seconds: float | None) -> None:
        """As `socket.settimeout`, but limited by the end of the call."""
        left = max(0.001, min(_call.ends_at - time.monotonic(), _LONGEST_SECONDS))
        self._timeout = math.inf
        self._socket.settimeout(left if seconds is None else min(seconds, left))
        self._has_own_timeout = True

    def recv(self, *args: Any) -> Any:
        """As of a socket. Raises TimeoutError; ConnectionError: too much has arrived."""
        self._prepare()
        data = self._socket.recv(*args)
        self._count(len(data))
        return data

    def recv_into(self, *args: Any) -> Any:
        """As of a socket. Raises TimeoutError; ConnectionError: too much has arrived."""
        self._prepare()
        n_bytes = self._socket.recv_into(*args)
        self._count(n_bytes)
        return n_bytes

    def sendall(self, data: Any) -> None:
        """As of a socket. Raises TimeoutError."""
        self._has_own_timeout = False
        if not self._is_tls:
            self._bound()
            self._socket.sendall(data)
            return
        # A TLS socket bounds each record by itself.
        view = memoryview(data)
        while view:
            self._bound()
            view = view[self._socket.send(view[:_TLS_RECORD_BYTES]) :]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)

    def _prepare(self) -> None:
        if self._has_own_timeout:
            self._has_own_timeout = False
        else:
            self._bound()

    def _bound(self) -> None:
        """Limits the next wait to the remaining time of the call.

        That takes a system call, which is saved if the present time-out differs by less than a millisecond. In a call
        that is answered at once, the one of the previous call still does.
        """
        seconds = remaining_seconds(self._longest)
        if seconds < _SHORT_SECONDS or abs(seconds - self._timeout) > _NEGLIGIBLE_SECONDS:
            self._socket.settimeout(seconds)
            self._timeout = seconds

    @staticmethod
    def _count(n_bytes: int) -> None:
        call = _call
        call.bytes_read += n_bytes
        call.bytes_left -= n_bytes
        if call.bytes_left < 0:
            # This kind of error makes redis-py close the connection, which has unread bytes.
            raise ConnectionError("the answer is longer than any of ours")

"""The pool that hands out again what was in use just now."""

from __future__ import annotations

import os
from typing import Any

import pytest
import redis

from sched_cache.store.redis import pool as pool_module
from sched_cache.store.redis.pool import RecentPool

_IS_NAMED = int(redis.__version__.partition(".")[0]) < 6
"""Older releases want to know the command, newer ones warn whoever tells them."""


class _Connection:
    """A connection with the methods that the pool of redis-py calls. Counts the checks of the socket."""

    def __init__(self, **_: Any) -> None:
        self.pid = os.getpid()
        self.n_looks = 0
        self.n_connects = 0
        self.has_data = False
        self._sock: object | None = None

    def connect(self) -> None:
        if self._sock is None:
            self.n_connects += 1
            self._sock = object()

    def disconnect(self, *_: Any) -> None:
        self._sock = None
        self.has_data = False

    def can_read(self, timeout: float = 0) -> bool:
        self.n_looks += 1
        return self.has_data

    def should_reconnect(self) -> bool:
        return False

    def re_auth(self) -> None:
        """Newer releases of redis-py offer every connection that comes back new credentials."""


class _Time:
    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> _Time:
    """The pool's time, which stands still."""
    clock = _Time()
    monkeypatch.setattr(pool_module, "time", clock)
    return clock


@pytest.fixture
def pool(clock: _Time) -> RecentPool:
    """A pool of connections to nowhere."""
    return RecentPool(connection_class=_Connection)


def _taken(pool: RecentPool) -> Any:
    return pool.get_connection("GET") if _IS_NAMED else pool.get_connection()


def _use(pool: RecentPool) -> Any:
    connection = _taken(pool)
    pool.release(connection)
    return connection


def test_what_was_in_use_just_now_is_taken_as_it_is(pool: RecentPool) -> None:
    """One look when it was made, none after that."""
    connection = _use(pool)
    n_looks = connection.n_looks
    for _ in range(5):
        assert _use(pool) is connection
    assert connection.n_looks == n_looks


def test_what_rested_is_looked_at(pool: RecentPool, clock: _Time) -> None:
    """The server may have closed it meanwhile."""
    connection = _use(pool)
    n_looks = connection.n_looks
    clock.now += 1.0
    assert _use(pool) is connection
    assert connection.n_looks == n_looks + 1


def test_what_an_exception_passed_through_is_looked_at(pool: RecentPool) -> None:
    """An answer may be left unread in it, which would be taken for that to the next command."""
    connection = _use(pool)
    with pytest.raises(KeyboardInterrupt):
        try:
            assert _taken(pool) is connection
            connection.has_data = True
            raise KeyboardInterrupt
        finally:
            pool.release(connection)
    assert _use(pool) is connection
    assert not connection.has_data and connection.n_connects == 2


def test_what_lost_its_socket_connects_again(pool: RecentPool) -> None:
    """Also when it was closed while it lay in the pool, as `disconnect` does."""
    connection = _use(pool)
    pool.disconnect()
    assert connection._sock is None
    assert _use(pool) is connection
    taken = _taken(pool)
    taken.disconnect()
    pool.release(taken)
    assert _use(pool) is connection
    assert connection.n_connects == 3


def test_two_at_once_get_two(pool: RecentPool) -> None:
    """And both come back."""
    first, second = _taken(pool), _taken(pool)
    assert first is not second
    pool.release(first)
    pool.release(second)
    assert {_taken(pool), _taken(pool)} == {first, second}

"""Connections: one engine for single reads, one for transactions that write."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakSet

from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine, create_engine
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import Pool, QueuePool

from sched_cache import fork
from sched_cache.config.database_url import ALLOWED, parse_database_url
from sched_cache.config.url import redact_url
from sched_cache.errors import ConfigError

_ALLOWED = ALLOWED + ", its driver installed"


class Engines:
    """`reads`: every statement its own transaction. `writes`: READ COMMITTED, bounded lock waits.

    On SQLite a transaction of `writes` has the database's write lock from its beginning: a reader that turned
    into a writer would fail wherever somebody else was first, and no waiting would help.

    A forked child gets new pools, and keeps no socket of its parent's open: a child that lived on with copies
    of the sockets would keep the connections alive, and with them the parent's row locks, after the parent
    was killed.
    """

    def __init__(self, reads: Engine, writes: Engine) -> None:
        self.reads = reads
        self.writes = writes
        # In a child; never closed: closing a SQLite file there may touch what the parent has open.
        self._pools_of_parents: list[Pool] = []
        self._connections: WeakSet[Any] = WeakSet()
        for engine in (reads, writes):
            if engine.dialect.name != "sqlite":
                event.listen(engine, "connect", self._remember)
        fork.register(self)

    def dispose(self) -> None:
        """Closes the idle connections of both; those in use are closed when they come back."""
        self.reads.dispose()
        self.writes.dispose()

    def reset_after_fork(self) -> None:
        """Leaves every connection to the parent."""
        for engine in (self.reads, self.writes):
            self._pools_of_parents.append(engine.pool)
            engine.dispose(close=False)
        # Not closed: the driver still holds the number, and would close whatever gets it next.
        nowhere = os.open(os.devnull, os.O_RDWR)
        for connection in list(self._connections):
            descriptor = _socket_of(connection)
            if descriptor is not None:
                os.dup2(nowhere, descriptor, inheritable=False)
        os.close(nowhere)
        self._connections.clear()

    def _remember(self, dbapi_connection: Any, record: object) -> None:
        self._connections.add(dbapi_connection)


def open_engines(
    database_url: str,
    *,
    lock_timeout_seconds: float = 5.0,
    connect_timeout_seconds: int = 5,
    max_connections: int = 10,
) -> Engines:
    """The engines for a database. Nothing is connected yet.

    Each engine keeps up to two idle connections, and opens up to `max_connections`.

    Raises:
        ConfigError: the URL is not understood, or its driver is missing or asynchronous.
    """
    with _understood(database_url):
        url = parse_database_url(database_url)
        dialect = url.get_backend_name()
        arguments: dict[str, Any] = {"check_same_thread": False, "timeout": lock_timeout_seconds}
        if dialect != "sqlite":
            patience = {
                "connect_timeout": connect_timeout_seconds,
                **_network_patience(dialect, lock_timeout_seconds),
            }
            arguments = {name: value for name, value in patience.items() if name not in url.query}
        n_kept = min(2, max_connections)
        options: dict[str, Any] = {
            "connect_args": arguments,
            "poolclass": QueuePool,
            "pool_size": n_kept,
            "max_overflow": max_connections - n_kept,
            "pool_timeout": connect_timeout_seconds,
            "pool_use_lifo": True,
            "hide_parameters": True,  # An error would show whole contents.
            "future": True,
        }
        if url.get_dialect().driver == "psycopg2":
            options["executemany_mode"] = "values_plus_batch"  # Not one round trip per row.
        # A read that finds its connection dead is run again, which costs less than asking first.
        reads = create_engine(url, isolation_level="AUTOCOMMIT", pool_reset_on_return=None, **options)
        if dialect != "sqlite":
            options.update(isolation_level="READ COMMITTED", pool_pre_ping=True)
        writes = create_engine(url, **options)
    if dialect == "sqlite":
        _begin_immediate(writes)
    else:
        _bound_lock_waits(writes, dialect, lock_timeout_seconds)
    return Engines(reads, writes)


@contextmanager
def _understood(database_url: str) -> Iterator[None]:
    try:
        yield
    except (ArgumentError, ImportError, TypeError, ValueError):
        # The cause is cut off: its text and its frames may hold a password.
        raise ConfigError("database_url", redact_url(database_url), _ALLOWED) from None


def _network_patience(dialect: str, lock_timeout_seconds: float) -> dict[str, int]:
    """How the driver notices that nobody is there any more: a lost host, or for MySQL also a hung server.

    A wait for a lock is an answer in the making, so MySQL's drivers, who cannot tell, wait twice as long.
    """
    seconds = max(1, math.ceil(lock_timeout_seconds))
    if dialect == "postgresql":
        return {
            "keepalives_idle": seconds,
            "keepalives_interval": 1,
            "keepalives_count": seconds,
            "tcp_user_timeout": 2000 * seconds,
        }
    return {"read_timeout": 2 * seconds, "write_timeout": 2 * seconds}


def _begin_immediate(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def leave_transactions_to_us(dbapi_connection: Any, record: object) -> None:
        dbapi_connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def take_write_lock(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _bound_lock_waits(engine: Engine, dialect: str, lock_timeout_seconds: float) -> None:
    if dialect == "postgresql":
        # LOCAL: a connection pooler hands the session to others.
        set_timeout = f"SET LOCAL lock_timeout = {int(lock_timeout_seconds * 1000)}"

        @event.listens_for(engine, "begin")
        def bound_transaction(connection: Connection) -> None:
            connection.exec_driver_sql(set_timeout)

        return

    set_timeout = f"SET SESSION innodb_lock_wait_timeout = {max(1, int(lock_timeout_seconds))}"

    @event.listens_for(engine, "connect")
    def bound_session(dbapi_connection: Any, record: object) -> None:
        cursor = dbapi_connection.cursor()
        cursor.execute(set_timeout)
        cursor.close()


def _socket_of(dbapi_connection: Any) -> int | None:
    """The descriptor of an open connection, None when it is closed or the driver does not tell."""
    holder = (
        dbapi_connection if hasattr(dbapi_connection, "fileno") else getattr(dbapi_connection, "_sock", None)
    )
    try:
        descriptor: int = holder.fileno() if holder is not None else -1
    except Exception:  # Every driver has its own way to say that the connection is closed.
        return None
    return descriptor if descriptor >= 0 else None

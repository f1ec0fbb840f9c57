"""Opens the engines of a database: its pools, its deadlines, and how it begins a transaction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine, create_engine
from sqlalchemy.pool import NullPool, QueuePool

from sched_cache.config.database_url import parse_database_url
from sched_cache.store.sql.calls import calls_of_process
from sched_cache.store.sql.driver import patience_of, understood
from sched_cache.store.sql.engine import MAX_IDLE, SHARE_OF_LOCKS, Engines
from sched_cache.store.sql.failures import NoConnectionError
from sched_cache.store.sql.slow_threads import slow_threads
from sched_cache.store.sql.sqlite_file import file_of

Connect = Callable[[], Any]
"""Opens a connection of the driver, without our settings."""

_SHARE_OF_READS = 0.95
"""The share of a call after which PostgreSQL aborts a read, before the deadline ends the connection."""


def open_engines(
    database_url: str,
    *,
    lock_timeout_seconds: float = 5.0,
    connect_timeout_seconds: int = 5,
    max_connections: int = 10,
    connect: Connect | None = None,
) -> Engines:
    """The engines for a database. Nothing is connected yet.

    Each engine keeps up to two idle connections, and opens up to `max_connections`.

    Args:
        connect: opens the connections in place of the driver, to the database that the URL names. Not for SQLite.

    Raises:
        ConfigError: the URL is not understood, or its driver is missing or asynchronous.
    """
    with understood(database_url):
        url = parse_database_url(database_url)
        dialect = url.get_backend_name()
        options: dict[str, Any] = {
            "connect_args": patience_of(url, lock_timeout_seconds),
            "hide_parameters": True,  # Otherwise an error would show whole contents.
            "future": True,
        }
        if url.get_dialect().driver == "psycopg2":
            options["executemany_mode"] = "values_plus_batch"  # Avoids one round trip per row.
        # A read that finds its connection dead is run again, which costs less than asking first.
        reads = create_engine(
            url, isolation_level="AUTOCOMMIT", poolclass=NullPool, pool_reset_on_return=None, **options
        )
        if dialect != "sqlite":
            options["isolation_level"] = "READ COMMITTED"
        writes = create_engine(
            url,
            poolclass=QueuePool,
            pool_size=min(MAX_IDLE, max_connections),
            # `Engines` makes sure that no thread waits for a place in this pool.
            max_overflow=-1,
            pool_use_lifo=True,
            **options,
        )
    file = file_of(url)
    for engine in (reads, writes):
        if dialect != "sqlite":
            _connect_in_time(engine, connect, connect_timeout_seconds)
        elif file is not None:
            event.listen(engine, "connect", lambda connection, record: file.opened(connection))
    if url.get_dialect().driver == "psycopg2":
        _end_reads_on_server(reads)
    if dialect == "sqlite":
        _begin_immediate(writes)
    else:
        _bound_lock_waits(writes, dialect, lock_timeout_seconds)
    return Engines(reads, writes, max_connections, lock_timeout_seconds, file)


def _connect_in_time(engine: Engine, connect: Connect | None, timeout_seconds: float) -> None:
    @event.listens_for(engine, "do_connect")
    def open_connection(dialect: Any, record: object, arguments: Any, named: Any) -> Any:
        call = calls_of_process().current
        seconds = timeout_seconds if call is None else call.seconds_left

        def opened() -> Any:
            # A fork waits for the thread that waits for this one, so this thread must not wait for the fork.
            try:
                return dialect.connect(*arguments, **named) if connect is None else connect()
            except dialect.dbapi.Error:
                raise
            except Exception as error:
                # Code of the caller (a token, a certificate, a name), or a driver that cannot use an option of the URL.
                raise NoConnectionError(f"{type(error).__name__}: {error}") from error

        try:
            return slow_threads().run(opened, seconds, discard=lambda connection: connection.close())
        except TimeoutError as error:
            raise NoConnectionError(f"the database accepted no connection: {error}") from error


def _end_reads_on_server(engine: Engine) -> None:
    """Makes PostgreSQL abort a read at its deadline.

    A backend that waits for a lock does not notice that its client is gone. Without this, each abandoned read would
    leave a backend behind, until the server has no connection left. Both statements are one message, and therefore one
    transaction of one round trip: the setting ends with it, also if a pooler lends the session to other clients.
    """

    @event.listens_for(engine, "do_execute")
    def execute(cursor: Any, statement: str, parameters: Any, context: object) -> bool | None:
        call = calls_of_process().current
        if call is None:
            return None
        milliseconds = max(1, int(call.seconds_left * _SHARE_OF_READS * 1000))
        cursor.execute(f"SET LOCAL statement_timeout = {milliseconds};{statement}", parameters)
        return True


def _begin_immediate(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def leave_transactions_to_us(dbapi_connection: Any, record: object) -> None:
        dbapi_connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def take_write_lock(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _bound_lock_waits(engine: Engine, dialect: str, lock_timeout_seconds: float) -> None:
    """Limits waits for locks, so that they end the statement before the deadline of the call ends the connection."""
    if dialect == "postgresql":

        @event.listens_for(engine, "begin")
        def bound_transaction(connection: Connection) -> None:
            call = calls_of_process().current
            seconds = lock_timeout_seconds if call is None else min(lock_timeout_seconds, call.seconds_left)
            # LOCAL, because a connection pooler gives the session to other clients.
            connection.exec_driver_sql(
                f"SET LOCAL lock_timeout = {max(1, int(seconds * SHARE_OF_LOCKS * 1000))}"
            )

        return

    seconds = max(1, int(lock_timeout_seconds * SHARE_OF_LOCKS))
    set_timeouts = f"SET SESSION innodb_lock_wait_timeout = {seconds}, SESSION lock_wait_timeout = {seconds}"

    @event.listens_for(engine, "connect")
    def bound_session(dbapi_connection: Any, record: object) -> None:
        cursor = dbapi_connection.cursor()
        cursor.execute(set_timeouts)
        cursor.close()

    @event.listens_for(engine, "begin")
    def find_it_alive(connection: Connection) -> None:
        # The beginning of a transaction sends no other statement, and a statement in it is never retried.
        connection.exec_driver_sql("SELECT 1")

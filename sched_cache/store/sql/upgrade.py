"""Creates the tables and upgrades older ones, once, by the first process that finds this necessary."""

from __future__ import annotations

import secrets
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from sqlalchemy import Table, delete, insert, inspect, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from sched_cache.errors import StoreUnavailableError
from sched_cache.store.sql.calls import Call
from sched_cache.store.sql.engine import Engines
from sched_cache.store.sql.failures import ForeignTableError
from sched_cache.store.sql.incarnation import raise_counter
from sched_cache.store.sql.schema import SCHEMA_VERSION, Tables

Step = Callable[[Connection, Tables], None]

STEPS: Mapping[int, Step] = {}
"""By the version that a step leaves behind. A database without tables gets the newest without any step."""

_LOCK_WAIT_SECONDS = 30


def is_current(engines: Engines, tables: Tables, call: Call) -> bool:
    """Whether the tables are there and of this version.

    Raises:
        StoreUnavailableError: they belong to a newer version of this library.
    """
    with engines.reading(call) as connection:
        return _version_of(connection, tables) == SCHEMA_VERSION


def bring_up_to_date(
    engines: Engines,
    tables: Tables,
    call: Call,
    *,
    target: int = SCHEMA_VERSION,
    steps: Mapping[int, Step] = STEPS,
    more: Sequence[Table] = (),
) -> None:
    """Creates missing tables and runs the steps up to `target`, under a lock that spans all processes.

    Raises:
        StoreUnavailableError: the tables belong to a newer version of this library.
    """
    if engines.reads.dialect.name == "sqlite":
        _let_readers_pass_writers(engines, call)
    with _exclusively(engines, tables, call) as connection:
        found = _version_of(connection, tables, target)
        missing = missing_tables(connection, tables.metadata.sorted_tables)
        if found is not None:
            for version in range(found + 1, target + 1):
                steps[version](connection, tables)
                connection.execute(update(tables.meta).values(schema_version=version))
        if missing or found is None:
            tables.metadata.create_all(connection)
        for table in more:
            table.create(connection, checkfirst=True)
        if found is None:
            first = {"id": 1, "counter": 0, "incarnation": secrets.token_hex(8), "purged_seq": 0}
            connection.execute(insert(tables.meta), {**first, "schema_version": SCHEMA_VERSION})
            raise_counter(connection, tables)
        elif missing & {tables.dag.name, tables.content.name, tables.acknowledged.name}:
            _begin_again(connection, tables)


def _begin_again(connection: Connection, tables: Tables) -> None:
    """Starts another history without DAGs, because some of the tables were lost and the others are wrong without them.

    A pointer without its content would count as published, and its content would never be published again.
    """
    for table in (tables.dag, tables.content, tables.acknowledged):
        connection.execute(delete(table))
    connection.execute(update(tables.meta).values(incarnation=secrets.token_hex(8)))


def missing_tables(connection: Connection, tables: Iterable[Table]) -> set[str]:
    """The names of those that are not there. A query each."""
    inspector = inspect(connection)
    return {table.name for table in tables if not inspector.has_table(table.name, schema=table.schema)}


def _version_of(connection: Connection, tables: Tables, newest: int = SCHEMA_VERSION) -> int | None:
    """The version of the tables; None when they are not there, or were left unfinished."""
    if not inspect(connection).has_table(tables.meta.name, schema=tables.meta.schema):
        return None
    version: int | None = connection.execute(select(tables.meta.c.schema_version)).scalar()
    if version is not None and type(version) is not int:
        raise ForeignTableError(f"the table {tables.meta.name} is not of sched_cache")
    if version is not None and version > newest:
        raise StoreUnavailableError(
            f"the tables are of schema version {version}, this sched_cache knows up to {newest}: upgrade it"
        )
    return version


def _let_readers_pass_writers(engines: Engines, call: Call) -> None:
    """Turns on write-ahead logging for a file of our own; a host's file keeps what the host chose."""
    with engines.reading(call) as connection:
        is_ours = not inspect(connection).get_table_names()
        if is_ours:
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")
    if is_ours:
        engines.give_up()  # how a file is looked at was decided before


@contextmanager
def _exclusively(engines: Engines, tables: Tables, call: Call) -> Iterator[Connection]:
    """A transaction during which no other process upgrades."""
    name = f"{tables.meta.schema or ''}.{tables.meta.name}"
    number = zlib.crc32(name.encode())
    with engines.connected(call) as connection:
        dialect = connection.dialect.name
        # SQLite locked the file when the transaction began.
        if dialect == "postgresql":
            # CREATE TABLE IF NOT EXISTS is not safe against itself: both insert the type.
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({number})")
        if dialect in ("mysql", "mariadb"):
            # DDL commits by itself here, so the lock must belong to the session.
            seconds = max(1, int(min(_LOCK_WAIT_SECONDS, call.seconds_left * 0.8)))
            take = f"SELECT GET_LOCK('sched_cache {number}', {seconds})"
            if connection.exec_driver_sql(take).scalar() != 1:
                raise StoreUnavailableError("another process has been creating the tables for too long")
        try:
            yield connection
            connection.commit()
        finally:
            if dialect in ("mysql", "mariadb"):
                _release(connection, f"SELECT RELEASE_LOCK('sched_cache {number}')")


def _release(connection: Connection, statement: str) -> None:
    """Never raises: a session that cannot do it ends, and its lock with it."""
    try:
        connection.exec_driver_sql(statement)
    except SQLAlchemyError:
        if not connection.invalidated:
            connection.invalidate()

"""The findings of `doctor` about the tables: whether they exist, and whether a process has the rights that it needs."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from shlex import quote
from typing import Any

from sqlalchemy import Table, delete, false, insert, inspect, select, text, update
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from sched_cache.cli.examination import Finding
from sched_cache.config import Config, redact_url
from sched_cache.errors import ConfigError, SchedCacheError
from sched_cache.store.sql import DEFAULT_PREFIX, SqlStore, open_engines, tables
from sched_cache.store.sql.failures import Failure, failure_of, mapped_errors

_MAY_CREATE = (
    "SELECT pg_catalog.has_schema_privilege(coalesce(:schema, pg_catalog.current_schema()), 'CREATE')"
)
_HAS_SCHEMA = (
    "SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace "
    "WHERE nspname = coalesce(:schema, pg_catalog.current_schema()))"
)


def examine_database(config: Config, connect: Callable[[], Any] | None = None) -> Iterator[Finding]:
    """The tables, the rights on them, and the duration of the usual queries. Changes nothing; all waits are bounded."""
    url = redact_url(config.database_url)
    try:
        with mapped_errors():
            found = list(_tables(config, url, connect))
    except ConfigError:
        raise
    except (SchedCacheError, SQLAlchemyError) as error:
        yield Finding("database", False, f"{url}: {_in_words(error)}", _advice(error, url))
        return
    yield from found
    if any(finding.is_off or not finding.is_well for finding in found):
        return
    store = SqlStore.configured(replace(config, create_tables=False), connect=connect)
    try:
        started = time.perf_counter()
        changes = store.changes_since(0)
        yield Finding("database", True, f"{url}: {_ms(started)} for all {len(changes.pointers):,} keys")
        started = time.perf_counter()
        store.changes_since(changes.counter)
        yield Finding("certify", True, f"{_ms(started)} when nothing changed")
        n_fresh = len(store.fresh(0, 10_000).pointers)
        yield Finding("fresh DAGs", True, f"{n_fresh:,} wait for a scheduler")
    except (SchedCacheError, SQLAlchemyError) as error:
        yield Finding("database", False, f"{url}: {_in_words(error)}", _advice(error, url))
    finally:
        store.close()


def init_db_command(config: Config) -> str:
    """The shell command that creates the tables of this cache, without the password."""
    options = {
        "SCHED_CACHE__TABLE_PREFIX": config.table_prefix if config.table_prefix != DEFAULT_PREFIX else None,
        "SCHED_CACHE__DATABASE_SCHEMA": config.database_schema,
    }
    words = [f"{name}={value}" for name, value in options.items() if value]
    return " ".join((*words, "sched-cache init-db --database-url", quote(redact_url(config.database_url))))


def missing_rights(connection: Connection, table: Table) -> list[str]:
    """The usual statements that the role may not run on an existing table. No row is touched.

    Raises:
        DBAPIError: a statement fails for another reason: other columns, or a database that takes no writes.
    """
    columns = list(table.c)
    nothing = select(*columns).where(false())
    statements = {
        "SELECT": nothing,
        "INSERT": insert(table).from_select([column.name for column in columns], nothing),
        "UPDATE": update(table).values({columns[-1]: columns[-1]}).where(false()),
        "DELETE": delete(table).where(false()),
    }
    missing = []
    for name, statement in statements.items():
        try:
            with connection.begin_nested():
                connection.execute(statement)
        except DBAPIError as error:
            if failure_of(error) is not Failure.FORBIDDEN:
                raise
            missing.append(name)
    return missing


def _tables(config: Config, url: str, connect: Callable[[], Any] | None) -> Iterator[Finding]:
    ours = tables(config.table_prefix, config.database_schema).metadata.sorted_tables
    engines = open_engines(
        config.database_url,
        lock_timeout_seconds=config.database_timeout_seconds,
        connect_timeout_seconds=math.ceil(config.database_timeout_seconds),
        connect=connect,
    )
    try:
        with engines.reads.connect() as connection:
            yield from _untested(connection.dialect)
            present = [table for table in ours if inspect(connection).has_table(table.name, table.schema)]
            if len(present) < len(ours):
                yield _missing(
                    config, url, [table.fullname for table in ours if table not in present], connection
                )
                return
        with engines.writes.connect() as connection:
            for table in ours:
                missing = missing_rights(connection, table)
                if missing:
                    found = f"{url}: no {', '.join(missing)} on {table.fullname}"
                    yield Finding(
                        "rights", False, found, "grant the user of this URL all four on every table"
                    )
            connection.rollback()
    finally:
        engines.dispose()


def _untested(dialect: Dialect) -> Iterator[Finding]:
    """A note on a server that this release was not tested with."""
    if dialect.name == "mysql" and not getattr(dialect, "is_mariadb", False):
        version = ".".join(str(part) for part in dialect.server_version_info or ("of unknown version",))
        advice = "PostgreSQL, MariaDB and SQLite are tested; please report problems"
        yield Finding("database server", True, f"MySQL {version}: sched-cache was not tested with it", advice)


def _missing(config: Config, url: str, missing: list[str], connection: Connection) -> Finding:
    command = init_db_command(config)
    if len(missing) < len(tables(config.table_prefix).metadata.sorted_tables):
        return Finding(
            "database",
            False,
            f"{url}: there is no table {', '.join(missing)}",
            f"drop the other {config.table_prefix}* tables (their content can be created again), and run `{command}`",
        )
    if not config.create_tables:
        return Finding("database", False, f"{url}: no tables, and create_tables is false", f"run `{command}`")
    if connection.dialect.name == "postgresql":
        schema = config.database_schema
        if not connection.execute(text(_HAS_SCHEMA), {"schema": schema}).scalar():
            found = "no schema of the search_path" if schema is None else f"no schema {schema}"
            return Finding("database", False, f"{url}: there is {found}", Failure.NO_SCHEMA.value)
        may_create = connection.execute(text(_MAY_CREATE), {"schema": schema}).scalar()
        if not may_create:
            return Finding(
                "database",
                False,
                f"{url}: no tables, and this user may not create any",
                f"run `{command}` as a user that may, and grant this user SELECT, INSERT, UPDATE and DELETE",
            )
    return Finding(
        "database",
        True,
        f"{url}: no tables yet",
        f"the first use creates them; `{command}` creates them now",
        is_off=True,
    )


def _advice(error: Exception, url: str) -> str:
    kind = failure_of(error)
    if kind not in (Failure.SILENT, Failure.OTHER):
        return str(kind.value)
    # A file has no host to check.
    if url.startswith("sqlite"):
        return "is it a database that this user may read and write?"
    return "check host, port, user, password and name of the database"


def _in_words(error: Exception) -> str:
    cause = getattr(error, "orig", None) or error
    return " ".join(str(cause).split())


def _ms(started: float) -> str:
    return f"{(time.perf_counter() - started) * 1000:.2f} ms"

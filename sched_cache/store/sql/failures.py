"""Classifies the errors of drivers: worth a retry, with advice for an operator, or a bug of ours."""

from __future__ import annotations

import enum
import random
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy.exc import (
    DBAPIError,
    InterfaceError,
    OperationalError,
    PendingRollbackError,
    SQLAlchemyError,
    StatementError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from sched_cache import fork
from sched_cache.errors import StoreUnavailableError
from sched_cache.store.sql.calls import Call

T = TypeVar("T")

ERRORS = (SQLAlchemyError, UnicodeError, struct.error, OSError, EOFError)
"""Errors of a statement that the database may cause. All but the first come from drivers that read invalid data."""


class Failure(enum.Enum):
    """The reason why a call to the database failed. The value is the advice for an operator."""

    SILENT = "check that it runs and can be reached, the user and password, and whether its tables are locked"
    BUSY = "other transactions hold its locks for too long"
    REFUSED = "check the user, the password and the name of the database"
    CROWDED = "it has no connection left: close some, or raise max_connections or the limit of the user"
    ENDED = (
        "the server ended the statement: look at its load and locks, and at statement_timeout and the like"
    )
    MISSING = "run `sched-cache init-db`"
    NO_SCHEMA = "create the schema that database_schema, or the search_path of the user, names"
    FOREIGN = "it is another table, or was altered: drop or rename it, and run `sched-cache init-db`"
    FORBIDDEN = (
        "grant SELECT, INSERT, UPDATE and DELETE on the tables, and CREATE or run `sched-cache init-db`"
    )
    READ_ONLY = "it accepts no writes: a standby, or a file or folder without the permission"
    FULL = "its disk is full"
    DAMAGED = "its file is damaged or no database: restore it, or remove it and run `sched-cache init-db`"
    OTHER = "see the error"


class NoConnectionError(StoreUnavailableError):
    """No connection could be opened."""


class TablesMissingError(StoreUnavailableError):
    """Tables, or rows that they must contain, are missing."""


class ForeignTableError(StoreUnavailableError):
    """A table has the name of one of ours, but other columns."""


# Serialization failure, deadlock, lock timeout.
_BUSY_SQLSTATES = frozenset({"40001", "40P01", "55P03"})
# The server is stopping or starting.
_RESTART_SQLSTATES = frozenset({"57P01", "57P02", "57P03"})
_SQLSTATES = {
    # The first four: a pooler could not connect, or did not understand. The last one: the database was dropped.
    **dict.fromkeys(("08000", "08003", "08006", "08P01", "57P04"), Failure.SILENT),
    **dict.fromkeys(("3D000", "28000", "28P01"), Failure.REFUSED),
    "53300": Failure.CROWDED,
    # Statement cancelled; transaction idle, or under way, for too long.
    **dict.fromkeys(("57014", "25P03", "25P04"), Failure.ENDED),
    **dict.fromkeys(("42P01", "42P07"), Failure.MISSING),
    "3F000": Failure.NO_SCHEMA,
    # No such column, operator, kind of relation, unique key; another type; a view; a column that we do not fill.
    **dict.fromkeys(("42703", "42883", "42804", "42809", "42P10", "55000", "23502"), Failure.FOREIGN),
    "42501": Failure.FORBIDDEN,
    "25006": Failure.READ_ONLY,
    "53100": Failure.FULL,
    **dict.fromkeys(("XX001", "XX002"), Failure.DAMAGED),
}
# Lock wait timeout, deadlock, record changed since last read, table exists (two nodes of a cluster created it
# at once).
_BUSY_MYSQL = frozenset({1205, 1213, 1020, 1050})
_MYSQL = {
    # The server stops, a connection was killed; and the errors of the client.
    **dict.fromkeys((1053, 1927, *range(2000, 3000)), Failure.SILENT),
    **dict.fromkeys((1045, 1049), Failure.REFUSED),
    **dict.fromkeys((1040, 1203, 1226), Failure.CROWDED),
    **dict.fromkeys((1317, 1969, 3024), Failure.ENDED),
    1146: Failure.MISSING,
    **dict.fromkeys((1054, 1364, 1136, 1348, 1471), Failure.FOREIGN),
    **dict.fromkeys((1044, 1142, 1143, 1227, 1370), Failure.FORBIDDEN),
    **dict.fromkeys((1290, 1792, 1836, 1288, 1036), Failure.READ_ONLY),
    **dict.fromkeys((3, 1021, 1114), Failure.FULL),
}
_MYSQL_CLIENT_ERRORS = range(2000, 3000)
_SQLITE = {
    "no such table": Failure.MISSING,
    "no such column": Failure.FOREIGN,
    "has no column": Failure.FOREIGN,
    "not null constraint": Failure.FOREIGN,
    "on conflict clause does not match": Failure.FOREIGN,
    "because it is a view": Failure.FOREIGN,
    "unable to open": Failure.SILENT,
    "disk i/o error": Failure.SILENT,
    "interrupted": Failure.SILENT,
    "locked": Failure.BUSY,
    "busy": Failure.BUSY,
    "readonly": Failure.READ_ONLY,
    "read-only": Failure.READ_ONLY,
    "is full": Failure.FULL,
    "not a database": Failure.DAMAGED,
    "malformed": Failure.DAMAGED,
}
# psycopg gives no code with an error of connecting. In another language than English they stay SILENT.
_POSTGRESQL_REFUSALS = {
    "too many c": Failure.CROWDED,
    "connection slots are reserved": Failure.CROWDED,
    "authentication failed": Failure.REFUSED,
    "no pg_hba.conf entry": Failure.REFUSED,
    "does not exist": Failure.REFUSED,
    "not permitted to log in": Failure.REFUSED,
    "permission denied for database": Failure.REFUSED,
}


class Retry:
    """Runs an operation again after failures that pass: a bounded number of times, with jitter.

    `sleep` gets seconds, `uniform` two bounds, `monotonic` nothing.
    """

    def __init__(
        self,
        *,
        attempts: int = 5,
        budget_seconds: float = 10.0,
        first_pause_seconds: float = 0.02,
        sleep: Callable[[float], None] = time.sleep,
        uniform: Callable[[float, float], float] = random.uniform,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._attempts = attempts
        self._budget_seconds = budget_seconds
        self._first_pause_seconds = first_pause_seconds
        self._sleep = sleep
        self._uniform = uniform
        self._monotonic = monotonic

    def run(self, operation: Callable[[], T], call: Call | None = None) -> T:
        """The result of `operation`, which must be safe to run again after a failure.

        Raises:
            StoreUnavailableError: the last attempt failed like the ones before, no further one would help, or
            the time of `call` is over.
        """
        give_up_at = self._monotonic() + self._budget_seconds
        pause = self._first_pause_seconds
        for attempt in range(1, self._attempts + 1):
            seconds_left = 0.0 if call is None else call.seconds_left
            try:
                with fork.held_off():
                    return operation()
            except ERRORS as error:
                last = attempt == self._attempts or self._monotonic() >= give_up_at
                if call is not None:
                    # Another attempt may take as long as this one, for example to wait for a lock.
                    took = seconds_left - call.seconds_left
                    last = last or call.is_overdue or call.seconds_left <= max(pause, took)
                if last or not is_transient(error):
                    raise_mapped(error, call)
            self._sleep(self._uniform(pause / 2, pause))
            pause *= 2
        raise AssertionError("attempts is at least 1")


@contextmanager
def mapped_errors(call: Call | None = None) -> Iterator[None]:
    """Maps the driver's errors like `Retry.run`, without a second attempt."""
    try:
        with fork.held_off():
            yield
    except ERRORS as error:
        raise_mapped(error, call)


def is_transient(error: Exception) -> bool:
    """Whether the same operation may succeed in a moment."""
    if isinstance(error, PoolTimeoutError):
        return False  # It has waited already.
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated:
        return True
    sqlstate, number = _sqlstate(error), _mysql_number(error)
    if number is not None:
        return number in _BUSY_MYSQL or number in _MYSQL_CLIENT_ERRORS
    if sqlstate is not None:
        return sqlstate in _BUSY_SQLSTATES or sqlstate in _RESTART_SQLSTATES
    if not isinstance(error, OperationalError):
        return False
    if is_sqlite(error):
        return failure_of(error) is Failure.BUSY
    return failure_of(error) is Failure.SILENT  # No code at all: PostgreSQL could not be reached.


def raise_mapped(error: Exception, call: Call | None = None) -> None:
    """Raises StoreUnavailableError from `error`, or `error` itself if it is a bug of ours."""
    if is_bug(error):
        raise error
    cause = getattr(error, "orig", None) or error
    # PostgreSQL goes on with the line of the statement.
    said = str(cause).split("\nLINE ")[0]
    text = f"{type(cause).__name__}: {' '.join(said.split())}"
    if call is not None and call.is_overdue:
        text = f"no answer in time ({text})"
    raise StoreUnavailableError(text) from error


def is_bug(error: Exception) -> bool:
    """Whether SQLAlchemy was misused, or was given a value that no driver accepts."""
    # The second one occurs in a transaction whose connection broke in an earlier statement.
    passing = (DBAPIError, PendingRollbackError, PoolTimeoutError)
    if not isinstance(error, SQLAlchemyError) or isinstance(error, passing):
        return False
    return not (isinstance(error, StatementError) and isinstance(error.orig, ERRORS))


def failure_of(error: BaseException | None) -> Failure:
    """The kind of failure of an error, or of the error that it was raised from."""
    if isinstance(error, TablesMissingError):
        return Failure.MISSING
    if isinstance(error, ForeignTableError):
        return Failure.FOREIGN
    if isinstance(error, NoConnectionError):
        return Failure.SILENT
    if isinstance(error, PendingRollbackError):
        return Failure.SILENT
    if isinstance(error, StoreUnavailableError):
        return Failure.OTHER if error.__cause__ is None else failure_of(error.__cause__)
    if not isinstance(error, DBAPIError):
        is_gone = isinstance(error, (PoolTimeoutError, OSError, EOFError))
        return Failure.SILENT if is_gone else Failure.OTHER
    sqlstate, number = _sqlstate(error), _mysql_number(error)
    if number is not None:
        if number in _BUSY_MYSQL:
            return Failure.BUSY
        found = _MYSQL.get(number)
    elif sqlstate is not None:
        if sqlstate in _BUSY_SQLSTATES:
            return Failure.BUSY
        found = _SQLSTATES.get(sqlstate)
    elif is_sqlite(error):
        text = str(error.orig).lower()
        return next((kind for words, kind in _SQLITE.items() if words in text), Failure.OTHER)
    elif isinstance(error, OperationalError):
        text = str(error.orig).lower()
        refusals = (kind for words, kind in _POSTGRESQL_REFUSALS.items() if words in text)
        found = next(refusals, Failure.SILENT)
    else:
        found = Failure.SILENT if isinstance(error, InterfaceError) else None
    if found is not None:
        return found
    is_gone = error.connection_invalidated or sqlstate in _RESTART_SQLSTATES
    return Failure.SILENT if is_gone else Failure.OTHER


def _sqlstate(error: DBAPIError) -> str | None:
    """PostgreSQL's code: `pgcode` in psycopg2, `sqlstate` in psycopg.

    Recent drivers of MySQL have that attribute, too, but with a coarse value: HY000 for most errors.
    """
    if _mysql_number(error) is not None:
        return None
    code = getattr(error.orig, "pgcode", None) or getattr(error.orig, "sqlstate", None)
    return code if isinstance(code, str) else None


def _mysql_number(error: DBAPIError) -> int | None:
    arguments = getattr(error.orig, "args", ())
    return arguments[0] if arguments and isinstance(arguments[0], int) else None


def is_sqlite(error: DBAPIError) -> bool:
    """Whether SQLite's driver raised it."""
    return type(error.orig).__module__ == "sqlite3"

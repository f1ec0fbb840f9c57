"""Errors of drivers, told apart once: worth a retry, an unavailable database, or a bug."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy.exc import DBAPIError, InterfaceError, InternalError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from sched_cache import fork
from sched_cache.errors import StoreUnavailableError

T = TypeVar("T")

# Serialization failure, deadlock, lock timeout, and a server that is stopping or starting.
_TRANSIENT_SQLSTATES = frozenset({"40001", "40P01", "55P03", "57P01", "57P02", "57P03"})
# No such table or schema, no such column, no privilege.
_MISSING_SQLSTATES = frozenset({"42P01", "3F000", "42703", "42501"})
# Lock wait timeout, deadlock, record changed since last read, table exists (two nodes of a cluster created it
# at once).
_TRANSIENT_MYSQL = frozenset({1205, 1213, 1020, 1050})
# No such database, table or column.
_MISSING_MYSQL = frozenset({1049, 1146, 1054})
_MYSQL_CLIENT_ERRORS = range(2000, 3000)


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

    def run(self, operation: Callable[[], T]) -> T:
        """What `operation` returns. It must be safe to run again after it failed.

        Raises:
            StoreUnavailableError: the last attempt failed like the ones before, or no further one would help.
        """
        give_up_at = self._monotonic() + self._budget_seconds
        pause = self._first_pause_seconds
        for attempt in range(1, self._attempts + 1):
            try:
                with fork.held_off():
                    return operation()
            except SQLAlchemyError as error:
                last = attempt == self._attempts or self._monotonic() >= give_up_at
                if last or not is_transient(error):
                    _raise_mapped(error)
            self._sleep(self._uniform(pause / 2, pause))
            pause *= 2
        raise AssertionError("attempts is at least 1")


@contextmanager
def mapped_errors() -> Iterator[None]:
    """Maps the driver's errors like `Retry.run`, without a second attempt."""
    try:
        with fork.held_off():
            yield
    except SQLAlchemyError as error:
        _raise_mapped(error)


def is_transient(error: SQLAlchemyError) -> bool:
    """Whether the same operation may succeed in a moment."""
    if isinstance(error, PoolTimeoutError):
        return False  # It waited already.
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated:
        return True
    sqlstate, number = _sqlstate(error), _mysql_number(error)
    if sqlstate is not None:
        return sqlstate in _TRANSIENT_SQLSTATES
    if number is not None:
        return number in _TRANSIENT_MYSQL or number in _MYSQL_CLIENT_ERRORS
    if not isinstance(error, OperationalError):
        return False
    text = str(error.orig)
    if _is_sqlite(error):
        return "locked" in text or "busy" in text
    return True  # No code at all: PostgreSQL could not be reached.


def _raise_mapped(error: SQLAlchemyError) -> None:
    """Raises StoreUnavailableError from `error`, or `error` itself if it is a bug of ours."""
    if _is_unavailable(error):
        cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
        raise StoreUnavailableError(f"{type(cause).__name__}: {' '.join(str(cause).split())}") from error
    raise error


def _is_unavailable(error: SQLAlchemyError) -> bool:
    if isinstance(error, (PoolTimeoutError, OperationalError, InterfaceError, InternalError)):
        return True
    if not isinstance(error, DBAPIError):
        return False
    return (
        error.connection_invalidated
        or _sqlstate(error) in _MISSING_SQLSTATES
        or _mysql_number(error) in _MISSING_MYSQL
        or is_transient(error)
    )


def _sqlstate(error: DBAPIError) -> str | None:
    """PostgreSQL's code: `pgcode` in psycopg2, `sqlstate` in psycopg."""
    code = getattr(error.orig, "pgcode", None) or getattr(error.orig, "sqlstate", None)
    return code if isinstance(code, str) else None


def _mysql_number(error: DBAPIError) -> int | None:
    arguments = getattr(error.orig, "args", ())
    return arguments[0] if arguments and isinstance(arguments[0], int) else None


def _is_sqlite(error: DBAPIError) -> bool:
    return type(error.orig).__module__ == "sqlite3"

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Callable

import psycopg2
import pymysql
import pytest
from sqlalchemy import exc

from sched_cache.errors import StoreUnavailableError
from sched_cache.store.sql.failures import Failure, Retry, failure_of, mapped_errors


def wrapped(kind: type[exc.DBAPIError], cause: Exception, *, is_disconnect: bool = False) -> exc.DBAPIError:
    return kind("SELECT 1", {}, cause, connection_invalidated=is_disconnect)


class PostgresError(psycopg2.Error):
    def __init__(self, sqlstate: str) -> None:
        super().__init__("said the server")
        self.sqlstate = sqlstate  # psycopg2 keeps `pgcode` to itself; psycopg calls it this


def numbered(number: int, sqlstate: str) -> pymysql.err.OperationalError:
    """As PyMySQL 1.2 makes it of a server's answer."""
    error = pymysql.err.OperationalError(number, "said the server")
    error.sqlstate = sqlstate
    return error


PASSING = {
    "serialization failure": wrapped(exc.OperationalError, PostgresError("40001")),
    "deadlock on PostgreSQL": wrapped(exc.OperationalError, PostgresError("40P01")),
    "lock timeout on PostgreSQL": wrapped(exc.OperationalError, PostgresError("55P03")),
    "PostgreSQL refuses": wrapped(exc.OperationalError, psycopg2.OperationalError("connection refused")),
    "connection lost": wrapped(exc.InterfaceError, psycopg2.InterfaceError("closed"), is_disconnect=True),
    "deadlock on MySQL": wrapped(exc.OperationalError, pymysql.err.OperationalError(1213, "deadlock")),
    "lock timeout on MySQL": wrapped(exc.OperationalError, pymysql.err.OperationalError(1205, "timeout")),
    "lock timeout on MySQL with its SQLSTATE": wrapped(exc.OperationalError, numbered(1205, "HY000")),
    "MySQL refuses": wrapped(exc.OperationalError, pymysql.err.OperationalError(2003, "can't connect")),
    "SQLite is busy": wrapped(exc.OperationalError, sqlite3.OperationalError("database is locked")),
}
LASTING = {
    "no table on PostgreSQL": wrapped(exc.ProgrammingError, PostgresError("42P01")),
    "no privilege on PostgreSQL": wrapped(exc.ProgrammingError, PostgresError("42501")),
    "no table on MySQL": wrapped(exc.ProgrammingError, pymysql.err.ProgrammingError(1146, "no table")),
    "no table on SQLite": wrapped(exc.OperationalError, sqlite3.OperationalError("no such table: x")),
    "no privilege on MySQL": wrapped(exc.OperationalError, pymysql.err.OperationalError(1142, "denied")),
    "no connection is free": exc.TimeoutError("pool"),
    # Tables that somebody has changed, or put others in their place.
    "other columns": wrapped(exc.ProgrammingError, PostgresError("42804")),
    "a constraint of somebody else": wrapped(exc.IntegrityError, PostgresError("23505")),
    "a column that is too short": wrapped(exc.DataError, PostgresError("22001")),
    "a view": wrapped(exc.OperationalError, PostgresError("55000")),
    "a database in another encoding": UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
    "nonsense that a driver reads": struct.error("unpack requires a buffer of 4 bytes"),
}
BUGS = {
    "misused library": exc.InvalidRequestError("no such column"),
    "type": TypeError("int expected"),
}


class Failing:
    """Fails with `error` that many times, then answers."""

    def __init__(self, error: Exception, n_failures: int) -> None:
        self.error = error
        self.n_failures = n_failures
        self.n_calls = 0

    def __call__(self) -> str:
        self.n_calls += 1
        if self.n_calls <= self.n_failures:
            raise self.error
        return "answer"


def retry_with(pauses: list[float], monotonic: Callable[[], float] = lambda: 0.0) -> Retry:
    return Retry(
        attempts=4,
        budget_seconds=10,
        first_pause_seconds=0.1,
        sleep=pauses.append,
        uniform=lambda low, high: high,
        monotonic=monotonic,
    )


@pytest.mark.parametrize("name", PASSING)
def test_a_failure_that_passes_is_not_seen(name: str) -> None:
    """Three failures, then an answer, with growing pauses."""
    pauses: list[float] = []
    assert retry_with(pauses).run(Failing(PASSING[name], 3)) == "answer"
    assert pauses == pytest.approx([0.1, 0.2, 0.4])


@pytest.mark.parametrize("name", PASSING)
def test_retries_are_bounded(name: str) -> None:
    """The fourth failure is the last, and the driver's error is its cause."""
    operation = Failing(PASSING[name], 100)
    with pytest.raises(StoreUnavailableError) as failure:
        retry_with([]).run(operation)
    assert operation.n_calls == 4
    assert failure.value.__cause__ is PASSING[name]


def test_retries_end_when_the_time_is_up() -> None:
    """However short the pauses: each attempt may have waited for a lock."""
    now = iter([0.0, 6.0, 12.0, 18.0])
    operation = Failing(PASSING["SQLite is busy"], 100)
    with pytest.raises(StoreUnavailableError):
        retry_with([], lambda: next(now)).run(operation)
    assert operation.n_calls == 2


@pytest.mark.parametrize("name", LASTING)
def test_a_failure_that_lasts_is_not_tried_again(name: str) -> None:
    """It is the operator's to repair, not ours to wait for."""
    operation = Failing(LASTING[name], 1)
    with pytest.raises(StoreUnavailableError):
        retry_with([]).run(operation)
    assert operation.n_calls == 1


@pytest.mark.parametrize("name", BUGS)
def test_a_bug_stays_what_it_is(name: str) -> None:
    """Nobody may take it for an outage."""
    operation = Failing(BUGS[name], 1)
    with pytest.raises(type(BUGS[name])) as failure:
        retry_with([]).run(operation)
    assert failure.value is BUGS[name] and operation.n_calls == 1


def test_in_a_callers_transaction_nothing_is_tried_again() -> None:
    """It is broken, whatever the cause."""
    with pytest.raises(StoreUnavailableError), mapped_errors():
        raise PASSING["deadlock on MySQL"]


@pytest.mark.parametrize(
    ("number", "sqlstate", "kind"),
    [
        (1205, "HY000", Failure.BUSY),
        (1213, "40001", Failure.BUSY),
        (1146, "42S02", Failure.MISSING),
        (1054, "42S22", Failure.FOREIGN),
        (1142, "42000", Failure.FORBIDDEN),
        (1290, "HY000", Failure.READ_ONLY),
        (1114, "HY000", Failure.FULL),
        (1045, "28000", Failure.REFUSED),
        (1040, "08004", Failure.CROWDED),
    ],
)
@pytest.mark.parametrize("has_sqlstate", [False, True])
def test_an_error_of_mysql_is_told_by_its_number(
    number: int, sqlstate: str, kind: Failure, has_sqlstate: bool
) -> None:
    """Whether or not the driver tells the SQLSTATE too, which is the same for most of them."""
    cause = (
        numbered(number, sqlstate)
        if has_sqlstate
        else pymysql.err.OperationalError(number, "said the server")
    )
    assert failure_of(wrapped(exc.OperationalError, cause)) is kind

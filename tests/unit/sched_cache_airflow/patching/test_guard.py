"""Errors of the plugin are counted and answered by the host's own path; errors of the host's session reach the host."""

from __future__ import annotations

from unittest.mock import Mock

import pytest
from sqlalchemy.engine import Connection
from sqlalchemy.exc import InvalidRequestError, OperationalError, SQLAlchemyError

from sched_cache.errors import StoreUnavailableError
from sched_cache_airflow.patching.guard import Rule, ends_transaction, falls_back, guard

OF_HOST = OperationalError("SELECT 1", {}, Exception("gone"))
OURS = (StoreUnavailableError("gone"), TypeError("a bug"), KeyError("missing"))
RULE = Rule("reason")


@pytest.mark.parametrize("error", OURS)
def test_an_error_of_ours_is_counted_and_goes_no_further(error: Exception) -> None:
    noted: list[tuple[str, Exception]] = []
    with guard(RULE, lambda *what: noted.append(what)):
        raise error
    assert noted == [("reason", error)]
    assert falls_back(error, RULE, lambda *what: noted.append(what))
    assert noted == [("reason", error)] * 2


def _unexpected(reason: str, error: Exception) -> None:
    pytest.fail(f"{reason} was noted")


@pytest.mark.parametrize("error", [OF_HOST, KeyboardInterrupt(), SystemExit(1)])
def test_what_is_the_hosts_passes_uncounted(error: BaseException) -> None:
    with pytest.raises(type(error)) as found, guard(RULE, _unexpected):
        raise error
    assert found.value is error


def test_an_error_of_a_session_falls_back_where_no_statement_of_the_host_would_meet_it() -> None:
    noted: list[str] = []
    with guard(Rule("reason", passing=()), lambda reason, _: noted.append(reason)):
        raise SQLAlchemyError
    assert noted == ["reason"]


def test_an_error_that_a_rule_does_not_answer_passes_uncounted() -> None:
    rule = Rule("reason", answered=(StoreUnavailableError,))
    with pytest.raises(TypeError), guard(rule, _unexpected):
        raise TypeError
    noted: list[str] = []
    with guard(rule, lambda reason, _: noted.append(reason)):
        raise StoreUnavailableError("gone")
    assert noted == ["reason"]


def test_an_error_that_the_host_meets_itself_falls_back_uncounted() -> None:
    with guard(Rule("reason", answered=(SQLAlchemyError,), passing=(), is_counted=False), _unexpected):
        raise OF_HOST


def test_nothing_is_noted_without_an_error() -> None:
    with guard(RULE, _unexpected):
        pass


@pytest.mark.parametrize(
    ("error", "is_lost", "expected"),
    [
        (OF_HOST, False, False),
        (OF_HOST, True, True),
        (OperationalError("UPDATE", {}, Exception(1213, "Deadlock found")), False, True),
        (OperationalError("UPDATE", {}, Exception(1205, "Lock wait timeout")), False, False),
        (InvalidRequestError("no transaction"), False, False),
        (InvalidRequestError("no transaction"), True, True),
        (TypeError("a bug"), True, False),
    ],
)
def test_the_transaction_ends_with_its_connection_or_by_a_deadlock_of_mysql(
    error: Exception, is_lost: bool, expected: bool
) -> None:
    for lost in ("invalidated", "closed"):
        connection = Mock(Connection, invalidated=False, closed=False)
        setattr(connection, lost, is_lost)
        assert ends_transaction(error, connection) is expected

"""Errors of the plugin are counted and answered by the host's own path; errors of the host's session reach the host."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from sched_cache.errors import StoreUnavailableError
from sched_cache_airflow.patching.guard import falls_back, guard

OF_HOST = OperationalError("SELECT 1", {}, Exception("gone"))
OURS = (StoreUnavailableError("gone"), TypeError("a bug"), KeyError("missing"))


@pytest.mark.parametrize("error", OURS)
def test_an_error_of_ours_is_counted_and_goes_no_further(error: Exception) -> None:
    noted: list[tuple[str, Exception]] = []
    with guard("reason", lambda *what: noted.append(what)):
        raise error
    assert noted == [("reason", error)]
    assert falls_back(error, "reason", lambda *what: noted.append(what))
    assert noted == [("reason", error)] * 2


def _unexpected(reason: str, error: Exception) -> None:
    pytest.fail(f"{reason} was noted")


@pytest.mark.parametrize("error", [OF_HOST, KeyboardInterrupt(), SystemExit(1)])
def test_what_is_the_hosts_passes_uncounted(error: BaseException) -> None:
    with pytest.raises(type(error)) as found, guard("reason", _unexpected):
        raise error
    assert found.value is error


def test_an_error_of_a_session_falls_back_where_no_statement_of_the_host_would_meet_it() -> None:
    noted: list[str] = []
    with guard("reason", lambda reason, _: noted.append(reason), passing=()):
        raise SQLAlchemyError
    assert noted == ["reason"]


def test_nothing_is_noted_without_an_error() -> None:
    with guard("reason", _unexpected):
        pass

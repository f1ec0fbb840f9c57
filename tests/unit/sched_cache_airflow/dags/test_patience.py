"""How long the shared tiers keep the host waiting, by a clock that the tests turn."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock

import pytest

from sched_cache.errors import StoreUnavailableError
from sched_cache.store.budget import Budget
from sched_cache.store.sql.calls import calls_of_process
from sched_cache_airflow.dags.patience import Patience
from tests.support.clock import ManualClock

SECONDS = 0.08
ALLOWED_SECONDS = 0.1 + 1e-9  # and the error of floats
"""The time that a loop may lose to all tiers."""


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> ManualClock:
    """Of the tiers and of the deadlines of calls, so that a busy machine changes nothing."""
    clock = ManualClock()
    monkeypatch.setattr(calls_of_process(), "monotonic", clock.monotonic)
    return clock


@pytest.fixture
def budget(clock: ManualClock) -> Budget:
    return Budget(clock, SECONDS)


@pytest.fixture
def patience(clock: ManualClock, budget: Budget) -> Patience:
    return Patience(budget, is_bounded=True, monotonic=clock.monotonic)


def lose(patience: Patience, clock: ManualClock) -> float:
    """Seconds that a call loses to a tier that never answers."""
    before = clock.now

    def question() -> None:
        call = calls_of_process().current
        assert call is not None
        clock.now += call.seconds_left
        raise StoreUnavailableError("no answer")

    with pytest.raises(StoreUnavailableError):
        patience.ask(question)
    return clock.now - before


def ask_both(budget: Budget, clock: ManualClock) -> None:
    """Redis takes what it may, half of a second at most, and then the database does not answer either."""
    lost = min(0.05, budget.left())
    clock.now += lost
    budget.charge(lost)
    call = calls_of_process().current
    assert call is not None
    clock.now += max(0.0, call.seconds_left - lost)
    raise StoreUnavailableError("no answer")


def taking(clock: ManualClock, seconds: float) -> Callable[[], None]:
    """A question that is answered after so long."""

    def question() -> None:
        clock.now += seconds

    return question


def test_many_calls_lose_no_more_than_one(patience: Patience, clock: ManualClock) -> None:
    """However many DAGs a loop has: the first ones wait, the rest is not asked for."""
    lost = [lose(patience, clock) for _ in range(200)]
    assert sum(lost) <= ALLOWED_SECONDS
    assert lost[-1] == 0
    clock.now += 60
    assert sum(lose(patience, clock) for _ in range(200)) <= ALLOWED_SECONDS


def test_a_redis_in_trouble_does_not_cost_the_database(
    patience: Patience, budget: Budget, clock: ManualClock
) -> None:
    """It has used up the budget, and the reserve is for the database."""
    patience.host_took(0.02)
    budget.charge(SECONDS)
    for _ in range(50):
        patience.ask(taking(clock, 0.015), 8)
    assert budget.left() < 0.01
    assert not patience.is_full


def test_both_in_trouble_lose_no_more_than_the_budget_and_its_reserve(
    patience: Patience, budget: Budget, clock: ManualClock
) -> None:
    started = clock.now
    for _ in range(200):
        with pytest.raises(StoreUnavailableError):
            patience.ask(lambda: ask_both(budget, clock))
    assert clock.now - started <= ALLOWED_SECONDS


def test_an_answer_that_comes_before_the_hosts_own_loses_nothing(
    patience: Patience, budget: Budget, clock: ManualClock
) -> None:
    """A batch of large DAGs may take long, and reading them from the host's rows would take longer."""
    patience.host_took(0.02)
    for _ in range(50):
        patience.ask(taking(clock, 0.05), 32)
    assert budget.is_full


def test_answers_that_come_later_than_the_hosts_own_lose_the_difference(
    patience: Patience, clock: ManualClock
) -> None:
    """So a slow tier is soon asked no more."""
    n_asked = 0
    for _ in range(20):
        try:
            patience.ask(taking(clock, 0.05))
            n_asked += 1
        except StoreUnavailableError:
            continue
    assert 1 <= n_asked <= 3


def test_what_redis_has_charged_is_not_charged_again(
    patience: Patience, budget: Budget, clock: ManualClock
) -> None:
    """The two share the budget: together they lose no more than one of them may."""

    def question() -> None:
        clock.now += 0.04
        budget.charge(0.04)

    patience.ask(question)
    assert budget.left() == pytest.approx(SECONDS - 0.04, abs=0.005)


def test_tables_in_the_hosts_own_database_are_waited_for(budget: Budget, clock: ManualClock) -> None:
    """The host waits for that one itself."""
    patience = Patience(budget, is_bounded=False, monotonic=clock.monotonic)
    budget.charge(SECONDS)
    assert patience.ask(lambda: calls_of_process().current) is None


def test_a_lock_that_another_thread_holds_is_not_waited_for(budget: Budget) -> None:
    """A thread of ours certifies with the whole time-out of a database that is silent, under a lock."""
    patience = Patience(budget, is_bounded=True)
    lock = Lock()
    with lock:
        started = time.monotonic()
        for _ in range(20):
            with pytest.raises(StoreUnavailableError):
                patience.ask(lock.acquire)
        assert time.monotonic() - started < 20  # twenty times nothing, on a busy machine; a wait has no end

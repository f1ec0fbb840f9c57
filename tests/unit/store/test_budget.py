from __future__ import annotations

import pytest

from sched_cache.store.budget import Budget
from tests.support.clock import ManualClock


def test_a_loss_is_gone_and_comes_back_with_time() -> None:
    """A tenth of the whole in each second."""
    clock = ManualClock()
    budget = Budget(clock, 0.1)
    assert budget.is_full
    budget.charge(0.06)
    assert budget.left() == pytest.approx(0.04)
    clock.now += 3
    assert budget.left() == pytest.approx(0.07)
    assert not budget.is_full
    clock.now += 4
    assert budget.left() == pytest.approx(0.1)
    assert budget.is_full


def test_what_was_saved_pays_for_what_was_lost_but_is_not_saved_up() -> None:
    """A tier that was fast all day may not be slow for a minute."""
    clock = ManualClock()
    budget = Budget(clock, 0.1)
    budget.charge(-5.0)
    budget.charge(0.05)
    budget.charge(-0.02)
    assert budget.left() == pytest.approx(0.07)
    budget.charge(-5.0)
    assert budget.is_full
    budget.charge(0.1)
    assert budget.left() == pytest.approx(0)


def test_threads_that_lose_time_together_do_not_prolong_the_trouble() -> None:
    """The loss is capped at the whole."""
    clock = ManualClock()
    budget = Budget(clock, 0.1)
    for _ in range(64):
        budget.charge(0.05)
    assert budget.left() == pytest.approx(0)
    clock.now += 10
    assert budget.left() == pytest.approx(0.1)


def test_child_begins_with_the_whole() -> None:
    """Also when the lock was held."""
    budget = Budget(ManualClock(), 0.1)
    budget.charge(0.1)
    budget._lock.acquire()
    budget.reset_after_fork()
    budget.charge(0.01)
    assert budget.left() == pytest.approx(0.09)

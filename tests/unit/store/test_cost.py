from __future__ import annotations

import pytest

from sched_cache.store.cost import Cost


def test_follows_what_is_measured() -> None:
    """Within some tens of reads, from either side."""
    cost = Cost(0.005, 0.0002)
    for _ in range(60):
        cost.record(0.1)
        cost.record(0.1 + 99 * 0.001, 100)
    assert cost.of(1) == pytest.approx(0.1, rel=0.01)
    assert cost.of(11) == pytest.approx(0.11, rel=0.01)
    for _ in range(60):
        cost.record(0.01)
    assert cost.of(1) == pytest.approx(0.01, rel=0.05)


def test_is_never_less_than_what_a_busy_machine_takes_for_anything() -> None:
    """A database that answers in 50 microseconds does not make a Redis of 300 slow."""
    cost = Cost()
    for _ in range(100):
        cost.record(0.00005)
        cost.record(0.0, 50)
    assert cost.of(1) == 0.002
    assert cost.of(50) == 0.002


def test_one_outlier_changes_little() -> None:
    """A read that took a second is no licence for one."""
    cost = Cost()
    for _ in range(50):
        cost.record(0.004)
    cost.record(0.4)
    assert cost.of(1) < 0.06

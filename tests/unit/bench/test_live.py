"""Waits of task instances, as the suite of living schedulers computes them from rows."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from bench.live.waits import Executed, percentile, waits

_BEGIN = datetime(2026, 1, 1, tzinfo=timezone.utc)


def _executed(task_id: str, queued: float, began: float, ended: float) -> Executed:
    at = [_BEGIN + timedelta(seconds=seconds) for seconds in (queued, began, ended)]
    return Executed("dag", task_id, *at)


def test_the_lag_counts_from_the_end_of_the_last_upstream_task() -> None:
    """`join` waits for both, and the first two for none."""
    rows = [_executed("a", 0, 1, 2), _executed("b", 0, 1, 5), _executed("join", 8, 8.5, 10)]
    found = waits(rows, {"dag": {"a": set(), "b": set(), "join": {"a", "b"}}})
    assert found["lag_p50"] == found["lag_p99"] == 3
    assert found["handed_p50"] == 1
    assert found["whole"] == 10
    assert found["tasks_per_second"] == pytest.approx(0.3)


def test_tasks_without_upstream_have_no_lag() -> None:
    assert "lag_p50" not in waits([_executed("a", 0, 1, 2)], {"dag": {"a": set()}})


@pytest.mark.parametrize(
    ("share", "expected"), [(50, 50), (99, 99), (100, 100), (1, 1)], ids=["half", "most", "all", "least"]
)
def test_a_percentile_is_a_value_that_was_seen(share: int, expected: int) -> None:
    assert percentile([float(value) for value in range(100, 0, -1)], share) == expected

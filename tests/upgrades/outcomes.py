"""The comparison of two installations after all runs have ended."""

from __future__ import annotations

import os

import pytest

from tests.upgrades.executions import Ended

takes_long = pytest.mark.skipif(
    not os.environ.get("SCHED_CACHE_UPGRADES"),
    reason="SCHED_CACHE_UPGRADES is not set: takes up to half an hour",
)


def assert_same_end(ours: Ended, stock: Ended) -> None:
    """The same runs and task instances in the same states, and each task executed as often."""
    assert ours.history == stock.history
    assert ours.executions == stock.executions
    # A comparison of nothing would be equal, too.
    assert len(ours.history) > 30 and ours.executions.total() > 100

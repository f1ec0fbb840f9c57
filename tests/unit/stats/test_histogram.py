from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sched_cache.stats import Histogram, bucket_upper_seconds
from sched_cache.stats.histogram import summarize


def test_empty_histogram_is_zero() -> None:
    """Nothing was recorded, so nothing took any time."""
    assert Histogram().snapshot() == {
        "count": 0,
        "sum": 0.0,
        "max": 0.0,
        "p50": 0.0,
        "p99": 0.0,
        "buckets": [],
    }


@given(st.lists(st.floats(min_value=1e-8, max_value=1e4), min_size=1, max_size=200))
def test_quantiles_are_an_eighth_too_high_at_most(durations: list[float]) -> None:
    """And never too low; count and maximum are exact."""
    histogram = Histogram()
    for seconds in durations:
        histogram.record(seconds)
    snapshot = histogram.snapshot()
    ordered = sorted(durations)
    assert snapshot["count"] == len(durations)
    assert snapshot["max"] == pytest.approx(ordered[-1], abs=2e-9)
    assert snapshot["sum"] == pytest.approx(sum(durations), rel=1e-6, abs=2e-9 * len(durations))
    for name, share in (("p50", 0.50), ("p99", 0.99)):
        exact = ordered[max(-(-len(ordered) * int(share * 100) // 100) - 1, 0)]
        assert exact - 2e-9 <= snapshot[name] <= exact * 1.125 + 2e-9  # type: ignore[literal-required]


def test_buckets_cover_all_times_without_overlap() -> None:
    """The upper bound of each bucket is the last time that falls into it."""
    previous = -1
    for bucket in range(336):
        upper = round(bucket_upper_seconds(bucket) * 1e9)
        assert upper > previous
        for ns in {previous + 1, upper}:
            histogram = Histogram()
            histogram.record((ns + 0.5) / 1e9)
            assert histogram.snapshot()["buckets"] == [[bucket, 1]]
        previous = upper


@pytest.mark.parametrize("seconds", [-1.0, 1e9])
def test_impossible_durations_are_counted_at_the_end(seconds: float) -> None:
    """A clock that jumps may not stop what is being measured."""
    histogram = Histogram()
    histogram.record(seconds)
    assert histogram.snapshot()["count"] == 1


def test_summary_of_the_same_buckets_is_the_same() -> None:
    """Merging computes quantiles as the histogram itself does."""
    histogram = Histogram()
    for ms in range(100):
        histogram.record(ms / 1000)
    snapshot = histogram.snapshot()
    assert summarize(snapshot["buckets"], snapshot["sum"], snapshot["max"]) == snapshot

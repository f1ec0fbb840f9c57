"""The estimate for larger clusters: a line through what was measured, and said to be one."""

from __future__ import annotations

import pytest

from bench.report.estimate import estimate_section, line_of
from bench.results import Record, Results, Run
from tests.unit.bench.results_of_a_machine import MACHINE


def scale_results(*sizes: int) -> Results:
    """A node that takes 1 ms and 2 us per DAG, and keeps 1 MB and 100 B per DAG."""
    run = Run("scale", "python -m bench run scale", "2026-11-22T10:00:00+00:00", "abc", MACHINE, {})
    records = [
        Record(
            case=f"n_dags={n_dags}",
            parameters={"n_dags": n_dags},
            subject="sched_cache",
            is_product=True,
            process=0,
            seed=0,
            samples={
                "certify_full": [0.001 + 2e-6 * n_dags] * 3,
                "start": [0.001 + 2e-6 * n_dags] * 3,
                "certify_idle": [1e-4] * 3,
            },
            figures={"floor_bytes": 100 + 1e6 / n_dags},
            yardstick={},
            peak_rss_bytes=1,
            load=[1.0, 1.0],
            versions={},
        )
        for n_dags in sizes
    ]
    return Results(run, records)


def test_a_line_goes_through_the_two_largest_sizes() -> None:
    """Small ones are dominated by what does not grow."""
    line = line_of(scale_results(10, 1000, 10_000), "certify_full")
    assert line is not None
    assert line.slope == pytest.approx(2e-6)
    assert line.at(1_000_000) == pytest.approx(2.001)


def test_what_is_measured_per_dag_is_continued_as_a_total() -> None:
    """Its fixed part must not be counted once per DAG."""
    line = line_of(scale_results(1000, 10_000), "floor_bytes", totals=True)
    assert line is not None
    assert line.at(1_000_000) == pytest.approx(101e6)


def test_the_estimate_says_that_it_was_not_measured() -> None:
    """And is left out where nothing supports it."""
    section = estimate_section(scale_results(1000, 10_000))
    assert "Not measured" in section
    assert "101 MB" in section
    assert estimate_section(scale_results(1000)) == ""

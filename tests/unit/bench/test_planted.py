"""The whole way from a slowed function of the product to the finding, measured for real.

Two of these judge times, which a busy machine makes a matter of luck: `make planted` runs them, on a quiet one.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from bench.campaign import beside
from bench.cli import main
from bench.compare import Comparison, compare
from bench.results import read_results

FORMAT = (
    *("format", "--beside", "--case", "shape=layers n_tasks=1000", "--subject", "sched_cache"),
    *("--python", sys.executable),
)
judges_times = pytest.mark.skipif(
    not os.environ.get("SCHED_CACHE_PLANTED"), reason="judges times; `make planted` runs it"
)


def measured(folder: Path, *options: str, n_processes: int = 3, n_rounds: int = 12) -> Comparison:
    """Of the product with what is planted against the product as it is, round by round beside each other."""
    output = folder / f"format_{n_processes}.jsonl"
    size = ("--processes", str(n_processes), "--rounds", str(n_rounds))
    assert main([*FORMAT, *size, "--output", str(output), *options]) == 0
    old, new = read_results(beside(output)), read_results(output)
    assert [len(run.records) for run in (old, new)] == [n_processes, n_processes]
    assert not old.run.planted
    # Wider than by default: this runs among other tests, and three processes are few to know how processes differ.
    return compare(old, new, tolerance=0.08)


def test_a_slowed_function_is_measured_beside_the_same_function(tmp_path: Path) -> None:
    """Which is as it was: what takes twenty times as long is found on any machine, and nothing else looks like it."""
    comparison = measured(
        tmp_path, "--plant", "sched_cache.format:encode_dag=2000", n_processes=1, n_rounds=3
    )
    assert [
        finding.metric.name for finding in comparison.with_verdict("slower") if finding.change.ratio > 7
    ] == ["encode"]
    assert comparison.exit_code == 1


@judges_times
@pytest.mark.parametrize(
    ("function", "metric"),
    [("encode_dag", "encode"), ("CompactDag.to_serialized", "restore")],
)
def test_a_fifth_planted_in_the_product_is_found_where_it_is(
    tmp_path: Path, function: str, metric: str
) -> None:
    """A neighbour hits both of two neighbours; on a machine too busy to tell, twice the processes can."""
    plant = ("--plant", f"sched_cache.format:{function}=20")
    comparison = measured(tmp_path, *plant)
    if not comparison.with_verdict("slower", "larger"):
        comparison = measured(tmp_path, *plant, n_processes=6)
    found = comparison.with_verdict("slower", "larger")
    assert [finding.metric.name for finding in found] == [metric]
    assert 1.1 < found[0].change.ratio < 1.35
    assert comparison.exit_code == 1


@judges_times
def test_nothing_planted_nothing_found(tmp_path: Path) -> None:
    """Two processes of the same code are not the same to the microsecond, and that is no finding."""
    comparison = measured(tmp_path)
    assert not comparison.with_verdict("slower", "larger")
    assert len(comparison.findings) > 10

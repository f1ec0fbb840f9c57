"""`compare`: a planted slowdown is found and located; noise, neighbours and slower machines are not."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from bench.compare import compare, render_comparison
from bench.results import ResultsError
from tests.unit.bench.results_of_a_machine import make_results


@pytest.mark.parametrize("seed", range(6))
def test_a_slowdown_of_a_fifth_is_found_in_every_case_and_nowhere_else(seed: int) -> None:
    """Only the metric that got slower is named, with the code it times."""
    comparison = compare(make_results(seed), make_results(100 + seed, slower={"encode": 1.2}))
    slower = comparison.with_verdict("slower")
    assert {finding.metric.name for finding in slower} == {"encode"}
    assert len(slower) == 3
    assert all(finding.change.ratio == pytest.approx(1.2, rel=0.1) for finding in slower)
    assert comparison.exit_code == 1
    assert "encode (sched_cache.format: encode_dag): +" in render_comparison(comparison)


@pytest.mark.parametrize("seed", range(12))
def test_noise_is_not_a_finding(seed: int) -> None:
    """Two runs of the same code: nothing is slower, nothing is faster, nothing is too noisy to tell."""
    comparison = compare(make_results(seed), make_results(100 + seed))
    assert {finding.verdict for finding in comparison.findings} == {"same"}
    assert comparison.exit_code == 0


def test_a_slower_machine_is_not_a_finding() -> None:
    """Everything takes half as long again: that is not the product's doing."""
    assert compare(make_results(1), make_results(2, machine=1.5)).exit_code == 0


def test_what_changed_for_everyone_is_the_machines_doing() -> None:
    """A machine may slow down a kind of work that the yardstick does not do; then the rivals show it, too."""
    old, new = make_results(1), make_results(2)
    for record in new.records:
        for values in record.samples.values():
            values[:] = [value * 1.3 for value in values]  # type: ignore[index]  # made as lists
    assert compare(old, new).exit_code == 0


def test_a_whole_is_explained_by_its_slower_part() -> None:
    """Reading a task includes decoding: the part is named as the place, the whole as its consequence."""
    text = render_comparison(
        compare(make_results(1), make_results(2, slower={"decode": 1.4, "read_task": 1.2}))
    )
    assert "read_task: because of decode" in text
    assert "decode (sched_cache.format: decode_dag): +" in text


def test_a_part_that_nobody_would_feel_is_left_out() -> None:
    """Decoding twice as slow, but a thousandth of reading a task: no finding, and no division by nothing."""
    old, new = make_results(1), make_results(2)
    for factor, run in ((1e-4, old), (2e-4, new)):
        for record in run.records:
            if "decode" in record.samples:
                values: Any = record.samples["decode"]
                values[:] = [value * factor for value in values]
                values[0] = 0.0
    assert "decode" not in {finding.metric.name for finding in compare(old, new).findings}


def test_a_fifth_faster_is_said_and_is_no_failure() -> None:
    """Good news does not fail a build."""
    comparison = compare(make_results(1), make_results(2, slower={"encode": 0.8}))
    assert {finding.metric.name for finding in comparison.with_verdict("faster")} == {"encode"}
    assert comparison.exit_code == 0


def test_too_much_noise_is_said_instead_of_all_clear() -> None:
    """Where a slowdown of a fifth would have gone unseen, silence is not a pass."""
    comparison = compare(make_results(1, noise=0.8, n_rounds=5), make_results(2, noise=0.8, n_rounds=5))
    assert comparison.with_verdict("blind")
    assert not comparison.with_verdict("slower", "faster")
    assert comparison.exit_code == 2
    assert "too noisy" in render_comparison(comparison)


def test_sizes_have_no_noise() -> None:
    """A tenth more bytes is larger; a hundredth is within the tolerance."""
    larger = compare(make_results(1), make_results(2, hot_bytes=34_100))
    assert {finding.metric.name for finding in larger.with_verdict("larger")} == {"hot_bytes"}
    assert compare(make_results(1), make_results(2, hot_bytes=31_300)).exit_code == 0


def test_runs_of_different_suites_cannot_be_compared() -> None:
    """Their cases have nothing to do with each other."""
    with pytest.raises(ResultsError, match="suite format with suite loop"):
        compare(make_results(1), make_results(2, suite="loop"))


def test_other_versions_and_failures_are_pointed_out() -> None:
    """A change of Python is not the product's, and a subject that failed was not compared."""
    old, new = make_results(1), make_results(2)
    new.records = [dataclasses.replace(record, versions={"python": "3.12.1"}) for record in new.records]
    new.records[0] = dataclasses.replace(new.records[0], error="boom")
    text = render_comparison(compare(old, new))
    assert "caution: different python: 3.11.7 and 3.12.1" in text
    assert "caution: failed in the new run: ours in shape=layers n_tasks=100" in text

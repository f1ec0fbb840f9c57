"""Statistics: what the numbers of a result mean."""

from __future__ import annotations

import math
import random

import pytest

from bench.spread import change_between, growth_exponent, paired_ratios, summarize


def test_quartiles_lie_between_samples() -> None:
    """The usual linear quantiles."""
    spread = summarize([4.0, 1.0, 3.0, 2.0, 5.0])
    assert (spread.n, spread.min, spread.q1, spread.median, spread.q3, spread.max) == (5, 1, 2, 3, 4, 5)
    assert summarize([1.0, 2.0]).median == 1.5


@pytest.mark.parametrize("exponent", [0.0, 1.0, 2.0])
def test_growth_exponent_of_a_power_is_the_power(exponent: float) -> None:
    """Linear growth has exponent 1, whatever the constant."""
    assert growth_exponent({n: 7.0 * n**exponent for n in (1000, 10_000, 100_000)}) == pytest.approx(exponent)


def test_ratios_are_taken_round_by_round() -> None:
    """A round that one of two lacks has no pair."""
    assert paired_ratios([2.0, 6.0, 9.0], [1.0, 2.0]) == [2.0, 3.0]


def noisy(scale: float, seed: int, *, sigma: float = 0.05, n_processes: int = 3) -> list[list[float]]:
    rng = random.Random(seed)
    return [[scale * math.exp(rng.gauss(0, sigma)) for _ in range(15)] for _ in range(n_processes)]


def test_the_interval_holds_the_true_change() -> None:
    """In nearly all of many experiments; the point estimate is close in each."""
    held = 0
    for seed in range(40):
        change = change_between(noisy(1.0, seed), noisy(1.2, 1000 + seed))
        assert change.low <= change.ratio <= change.high
        assert change.ratio == pytest.approx(1.2, rel=0.06)
        held += change.low <= 1.2 <= change.high
    assert held >= 36


def test_a_process_that_differs_widens_the_interval() -> None:
    """Samples of one process are alike: three processes that disagree say less than their 45 samples."""
    agreeing = noisy(1.0, 1, sigma=0.01)
    disagreeing = [
        [sample * factor for sample in group]
        for group, factor in zip(agreeing, (0.8, 1.0, 1.25), strict=True)
    ]
    old = noisy(1.0, 2, sigma=0.01)
    narrow, wide = change_between(old, agreeing), change_between(old, disagreeing)
    assert wide.high / wide.low > 5 * narrow.high / narrow.low - 4
    assert wide.low < 0.9 < 1.1 < wide.high


def test_the_same_samples_give_the_same_interval() -> None:
    """The bootstrap is seeded."""
    assert change_between(noisy(1, 1), noisy(1, 2)) == change_between(noisy(1, 1), noisy(1, 2))

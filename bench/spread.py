"""Statistics of samples: median, quartiles, paired ratios with an interval, growth with size.

Standard library only.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

_RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class Spread:
    """The spread of one set of samples; the quartiles enclose the middle half."""

    n: int
    median: float
    q1: float
    q3: float
    min: float
    max: float


def summarize(samples: Sequence[float]) -> Spread:
    """The spread of at least one sample."""
    ordered = sorted(samples)
    return Spread(
        n=len(ordered),
        median=_quantile(ordered, 0.5),
        q1=_quantile(ordered, 0.25),
        q3=_quantile(ordered, 0.75),
        min=ordered[0],
        max=ordered[-1],
    )


def _quantile(ordered: Sequence[float], share: float) -> float:
    position = share * (len(ordered) - 1)
    below = math.floor(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)


Groups = Sequence[Sequence[float]]  # one sequence of samples per process


@dataclass(frozen=True, slots=True)
class Change:
    """`ratio` is new / old (1.2: a fifth more). The true ratio is in low..high with the given confidence."""

    ratio: float
    low: float
    high: float


def change_between(old: Groups, new: Groups, *, confidence: float = 0.99, seed: int = 0) -> Change:
    """How much larger the samples of `new` are than those of `old`: the ratio of medians, and its interval.

    A bootstrap in two steps: processes are drawn with replacement, then samples within each, because samples
    of one process share its memory layout and are more alike than samples of two processes. Fewer than three
    processes say nothing about how processes differ; then all are taken, and only samples are drawn.
    """
    rng = random.Random(seed)
    ratios = sorted(
        math.log(median(_resample(new, rng))) - math.log(median(_resample(old, rng)))
        for _ in range(_RESAMPLES)
    )
    tail = (1 - confidence) / 2
    point = math.log(median(_flat(new))) - math.log(median(_flat(old)))
    return Change(math.exp(point), math.exp(_quantile(ratios, tail)), math.exp(_quantile(ratios, 1 - tail)))


def change_of_pairs(groups: Groups, *, confidence: float = 0.99, seed: int = 0) -> Change:
    """The median of ratios new / old, each of two neighbours in time, and its interval from the same bootstrap."""
    rng = random.Random(seed)
    medians = sorted(math.log(median(_resample(groups, rng))) for _ in range(_RESAMPLES))
    tail = (1 - confidence) / 2
    return Change(
        median(_flat(groups)), math.exp(_quantile(medians, tail)), math.exp(_quantile(medians, 1 - tail))
    )


def _resample(groups: Groups, rng: random.Random) -> list[float]:
    drawn = rng.choices(groups, k=len(groups)) if len(groups) >= 3 else groups
    return [sample for group in drawn for sample in rng.choices(group, k=len(group))]


def _flat(groups: Groups) -> list[float]:
    return [sample for group in groups for sample in group]


def paired_ratios(samples: Sequence[float], reference: Sequence[float]) -> list[float]:
    """Sample by sample, of the rounds both took part in. Zero references are left out."""
    return [sample / other for sample, other in zip(samples, reference, strict=False) if other > 0]


def growth_exponent(value_by_size: Mapping[float, float]) -> float:
    """The slope of log value over log size, by least squares: 1 is linear, 2 quadratic. Needs two sizes."""
    xs = [math.log(size) for size in value_by_size]
    ys = [math.log(value) for value in value_by_size.values()]
    mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
    covariance = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True))
    return covariance / sum((x - mean_x) ** 2 for x in xs)

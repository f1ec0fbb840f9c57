"""Compares the ratios of two runs of the same code on one machine, which should agree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from sched_cache.cli.table import render

from .results import Results
from .spread import paired_ratios
from .suite import Metric, Suite, discover_suites, metric_named

MIN_ROUNDS = 3
_ALONE = "seconds without anything to divide them by are the machine's as much as ours"
_FEW = f"times of fewer than {MIN_ROUNDS} rounds"
_NOTHING = "nothing in one of the two runs"


@dataclass(frozen=True, slots=True)
class Agreement:
    """The two results for one metric of one product subject in one case.

    old, new: the median ratio of the reference to the product; the bytes themselves if the product is the reference.
    unjudged: why the two are not expected to agree; empty if they are.
    """

    suite: str
    case: str
    subject: str
    metric: str
    old: float
    new: float
    unjudged: str = ""

    @property
    def difference(self) -> float:
        """0.1: one of them is a tenth larger than the other."""
        return max(self.old, self.new) / min(self.old, self.new) - 1


def agreements(old: Results, new: Results, suite: Suite | None = None) -> Iterator[Agreement]:
    """The comparisons of the metrics that the README and the head of the report show."""
    suite = suite or discover_suites()[old.run.suite]
    products = dict.fromkeys(record.subject for record in old.records if record.is_product)
    for case in dict.fromkeys([*old.cases(), *new.cases()]):
        for subject in products:
            for metric in (metric_named(suite, name) for name in suite.headline):
                rounds = [_reported(run, case, subject, metric.name, suite) for run in (old, new)]
                if any(rounds):
                    medians = [median(ratios) if ratios else 0.0 for ratios in rounds]
                    why_not = _unjudged(rounds, medians, metric, is_alone=subject == suite.reference)
                    yield Agreement(suite.name, case, subject, metric.name, medians[0], medians[1], why_not)


def _unjudged(
    rounds: Sequence[Sequence[float]], medians: Sequence[float], metric: Metric, *, is_alone: bool
) -> str:
    if not all(medians):
        return _NOTHING
    if metric.rough:
        return metric.rough
    if metric.unit == "seconds" and is_alone:
        return _ALONE
    if metric.unit == "seconds" and min(map(len, rounds)) < MIN_ROUNDS:
        return _FEW
    return ""


def _reported(run: Results, case: str, subject: str, metric: str, suite: Suite) -> list[float]:
    """One per round of all processes; empty if there is nothing to report."""
    ours = run.samples(case, subject, metric)
    if subject == suite.reference:
        return [sample for group in ours for sample in group]
    theirs = run.samples(case, suite.reference, metric)
    return [ratio for pair in zip(theirs, ours, strict=False) for ratio in paired_ratios(*pair)]


def render_agreements(found: Sequence[Agreement], tolerance: float) -> str:
    """A line for each that is judged, the worst first; then what is not, and why; then a summary."""
    judged = sorted((one for one in found if not one.unjudged), key=lambda one: one.difference, reverse=True)
    rows = [
        (
            "agree" if one.difference <= tolerance else "DIFFER",
            f"{100 * one.difference:.1f} %",
            *(f"{ratio:.4g}" for ratio in (one.old, one.new)),
            *(one.suite, one.metric, one.subject, one.case),
        )
        for one in judged
    ]
    headers = ("", "difference", "old", "new", "suite", "metric", "subject", "case")
    lines = [render(headers, rows, numeric=("difference", "old", "new"))] if rows else []
    for reason in dict.fromkeys(one.unjudged for one in found if one.unjudged):
        those = [one for one in found if one.unjudged == reason]
        names = dict.fromkeys(f"{one.suite} {one.metric}" for one in those)
        lines.append(f"not judged: {len(those)}, {reason}: {', '.join(names)}")
    if judged:
        n_agree = sum(one.difference <= tolerance for one in judged)
        lines.append(
            f"{n_agree} of {len(judged)} ratios agree within {100 * tolerance:.0f} %, half of them within "
            f"{100 * median(one.difference for one in judged):.1f} %"
        )
    return "\n".join(lines)

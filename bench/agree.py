"""Whether two runs of the same code on one machine say the same: their ratios, one by one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from .results import Results
from .spread import paired_ratios
from .suite import Suite, discover_suites, metric_named


@dataclass(frozen=True, slots=True)
class Agreement:
    """What is reported of one metric of one product subject in one case, in both runs.

    old, new: how many times as much the reference needs, the median over rounds; bytes themselves where the product is
    the reference.
    """

    suite: str
    case: str
    subject: str
    metric: str
    old: float
    new: float

    @property
    def difference(self) -> float:
        """0.1: one of them is a tenth larger than the other."""
        return max(self.old, self.new) / min(self.old, self.new) - 1


def agreements(old: Results, new: Results, suite: Suite | None = None) -> Iterator[Agreement]:
    """Of the metrics that the README and the head of the report show."""
    suite = suite or discover_suites()[old.run.suite]
    products = dict.fromkeys(record.subject for record in old.records if record.is_product)
    for case in old.cases():
        for subject in products:
            for name in suite.headline:
                unit = metric_named(suite, name).unit
                if not unit or (subject == suite.reference and unit == "seconds"):
                    continue  # seconds alone are the machine's as much as ours
                ratios = [_reported(run, case, subject, name, suite) for run in (old, new)]
                if all(ratios):
                    yield Agreement(suite.name, case, subject, name, ratios[0], ratios[1])


def _reported(run: Results, case: str, subject: str, metric: str, suite: Suite) -> float:
    """0 if there is nothing to report."""
    ours = run.samples(case, subject, metric)
    if subject == suite.reference:
        return median(_flat(ours)) if _flat(ours) else 0.0
    theirs = run.samples(case, suite.reference, metric)
    ratios = [ratio for pair in zip(theirs, ours, strict=False) for ratio in paired_ratios(*pair)]
    return median(ratios) if ratios else 0.0


def _flat(groups: Sequence[Sequence[float]]) -> list[float]:
    return [sample for group in groups for sample in group]


def render_agreements(found: Sequence[Agreement], tolerance: float) -> str:
    """A line each, the worst first."""
    lines = []
    for one in sorted(found, key=lambda one: one.difference, reverse=True):
        verdict = "agree" if one.difference <= tolerance else "DIFFER"
        lines.append(
            f"{verdict:6} {100 * one.difference:5.1f} %  {one.old:10.4g} {one.new:10.4g}  "
            f"{one.suite}  {one.metric}  {one.subject}  {one.case}"
        )
    n_agree = sum(one.difference <= tolerance for one in found)
    lines.append(
        f"{n_agree} of {len(found)} ratios agree within {100 * tolerance:.0f} %, half of them within "
        f"{100 * median(one.difference for one in found):.1f} %"
    )
    return "\n".join(lines)

"""Finds the parts of the product that became slower or larger between two runs.

Two runs never have the same conditions, so times are not compared directly. In each round, a time is divided by one
that was measured beside it: the suite's fixed yardstick in the same process, or the reference subject in the same
round. The ratio new / old of those quotients has an interval from a bootstrap (`spread.change_between`). The
apparent gain or loss of subjects that did not change is subtracted, because the machine causes it. The
interval is widened by the spread of these changes.

Runs that were measured beside each other, in the same rounds, need none of this. Each time is divided by its neighbour
in the other run.

A metric is *slower* if the whole interval lies beyond the tolerance. It is *blind* if the interval is so wide
that a slowdown of a fifth would have gone unseen: then more rounds or processes are needed, and silence
proves nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median

from sched_cache.cli.table import render

from .results import Record, Results, ResultsError
from .spread import Change, change_between, change_of_pairs, paired_ratios
from .suite import Metric, Suite, discover_suites, metric_named

WORTH_FINDING = 1.2
NEGLIGIBLE_SHARE = 0.05
_COUNTED = ("bytes", "queries")
_MOST = 0.8


@dataclass(frozen=True, slots=True)
class Finding:
    """One metric of one subject in one case. `verdict`: slower, faster, larger, smaller, same or blind."""

    case: str
    subject: str
    metric: Metric
    change: Change
    verdict: str


@dataclass(slots=True)
class Comparison:
    """All findings, and the differences that make the two runs hard to compare."""

    findings: list[Finding] = field(default_factory=list)
    cautions: list[str] = field(default_factory=list)

    def with_verdict(self, *verdicts: str) -> list[Finding]:
        return [finding for finding in self.findings if finding.verdict in verdicts]

    @property
    def exit_code(self) -> int:
        """The exit code: 1 if anything became slower or larger, else 2 if any metric is blind, else 0."""
        if self.with_verdict("slower", "larger"):
            return 1
        return 2 if self.with_verdict("blind") else 0


def compare(old: Results, new: Results, *, tolerance: float = 0.05, suite: Suite | None = None) -> Comparison:
    """Judges every metric of every product subject that both runs measured.

    Raises:
        ResultsError: the runs are of different suites, or have no such metric in common.
    """
    if old.run.suite != new.run.suite:
        raise ResultsError(f"cannot compare suite {old.run.suite} with suite {new.run.suite}")
    suite = suite or discover_suites()[old.run.suite]
    comparison = Comparison(cautions=_cautions(old, new))
    for case in old.cases():
        drift = _drift(old, new, case, suite)
        for subject in _subjects(old, new, case, is_product=True):
            for name in _metrics(old, new, case, subject):
                finding = _judge(old, new, case, subject, metric_named(suite, name), suite, drift, tolerance)
                if finding is not None:
                    comparison.findings.append(finding)
    if not comparison.findings:
        raise ResultsError("the two runs have no metric of the product in common")
    return comparison


def _judge(
    old: Results,
    new: Results,
    case: str,
    subject: str,
    metric: Metric,
    suite: Suite,
    drift: Change,
    tolerance: float,
) -> Finding | None:
    if metric.unit == "seconds":
        change = _change(old, new, case, subject, metric, suite, drift)
        if change is not None:
            return Finding(case, subject, metric, change, _verdict(change, tolerance))
    sizes = [run.median(case, subject, metric.name) or 0.0 for run in (old, new)]
    if metric.unit not in _COUNTED or min(sizes) <= 0:
        return None
    ratio = sizes[1] / sizes[0]
    verdict = "larger" if ratio > 1 + tolerance else "smaller" if ratio < 1 / (1 + tolerance) else "same"
    return Finding(case, subject, metric, Change(ratio, ratio, ratio), verdict)


def _change(
    old: Results, new: Results, case: str, subject: str, metric: Metric, suite: Suite, drift: Change
) -> Change | None:
    """None if there is nothing to compare, or if the values are negligible."""
    if all(_is_negligible(run, case, subject, metric, suite) for run in (old, new)):
        return None
    if old.run.beside and old.run.beside == new.run.beside:
        pairs = _pairs(old, new, case, subject, metric.name)
        return change_of_pairs(pairs) if pairs else None
    before, after = (_quotients(run, case, subject, metric, suite) for run in (old, new))
    if not (before and after):
        return None
    raw = change_between(before, after)
    return Change(raw.ratio / drift.ratio, raw.low / drift.high, raw.high / drift.low)


def _is_negligible(run: Results, case: str, subject: str, metric: Metric, suite: Suite) -> bool:
    """Whether this part is so small that a fifth of it does not matter in any whole."""
    samples = run.samples(case, subject, metric.name)
    part = _middle(samples) if any(samples) else 0.0
    wholes = [
        _middle(run.samples(case, subject, whole.name))
        for whole in suite.metrics
        if metric.name in whole.includes and run.samples(case, subject, whole.name)
    ]
    return part <= 0 or (bool(wholes) and all(part < NEGLIGIBLE_SHARE * whole for whole in wholes))


def _verdict(change: Change, tolerance: float) -> str:
    if change.low > 1 + tolerance:
        return "slower"
    if change.high < 1 / (1 + tolerance):
        return "faster"
    # Would an interval of this width around a relevant slowdown have been beyond the tolerance?
    return "same" if WORTH_FINDING * change.low / change.ratio > 1 + tolerance else "blind"


def _quotients(run: Results, case: str, subject: str, metric: Metric, suite: Suite) -> list[list[float]]:
    """Per process: the time of each round, divided by the time that it is measured against in that round."""
    found = []
    for record in run.of(case, subject):
        times = record.samples.get(metric.name)
        against = _against(run, case, record, metric, suite)
        if times and against:
            found.append(paired_ratios(times, against))
    return [group for group in found if group]


def _pairs(old: Results, new: Results, case: str, subject: str, metric: str) -> list[list[float]]:
    """Per process: the time of each round in the new run, divided by that in the old run."""
    before = {record.process: record.samples.get(metric, ()) for record in old.of(case, subject)}
    found = [
        paired_ratios(record.samples.get(metric, ()), before.get(record.process, ()))
        for record in new.of(case, subject)
    ]
    return [group for group in found if group]


def _against(run: Results, case: str, record: Record, metric: Metric, suite: Suite) -> Sequence[float]:
    if suite.divisor == "reference":
        name = metric.against or metric.name
        for other in run.of(case, suite.reference):
            if other.process == record.process and other.samples.get(name):
                return other.samples[name]
    return record.yardstick.get(metric.name, ())


def _drift(old: Results, new: Results, case: str, suite: Suite) -> Change:
    """The change in the times of subjects that did not change: its median, and the range of most of them."""
    changes = []
    for subject in _subjects(old, new, case, is_product=False):
        for name in _metrics(old, new, case, subject):
            metric = metric_named(suite, name)
            is_its_own_divisor = suite.divisor == "reference" and subject == suite.reference
            if metric.unit != "seconds" or (is_its_own_divisor and metric.against in ("", name)):
                continue
            before, after = (_quotients(run, case, subject, metric, suite) for run in (old, new))
            if before and after and not _is_negligible(old, case, subject, metric, suite):
                changes.append(math.log(_middle(after) / _middle(before)))
    if not changes:
        return Change(1.0, 1.0, 1.0)
    # A ratio to the reference has only the drift that affects the two kinds of work differently.
    centre = 0.0 if suite.divisor == "reference" else median(changes)
    deviations = sorted(abs(change - centre) for change in changes)
    spread = deviations[int(_MOST * (len(deviations) - 1))]
    return Change(math.exp(centre), math.exp(centre - spread), math.exp(centre + spread))


def _middle(groups: Iterable[Sequence[float]]) -> float:
    return median([sample for group in groups for sample in group])


def _subjects(old: Results, new: Results, case: str, *, is_product: bool) -> list[str]:
    both = [
        {r.subject for r in run.records if r.case == case and r.is_product == is_product}
        for run in (old, new)
    ]
    return [subject for subject in old.subjects() if subject in both[0] & both[1]]


def _metrics(old: Results, new: Results, case: str, subject: str) -> list[str]:
    names: dict[str, None] = {}
    for record in old.of(case, subject):
        names |= dict.fromkeys([*record.samples, *record.figures])
    known = {name for record in new.of(case, subject) for name in (*record.samples, *record.figures)}
    return [name for name in names if name in known]


def _cautions(old: Results, new: Results) -> list[str]:
    found = []
    if old.run.machine != new.run.machine:
        found.append(f"different machines: {old.run.machine} and {new.run.machine}")
    for label, run in (("old", old), ("new", new)):
        loads = [load for record in run.records for load in record.load]
        cores = run.run.machine.get("cores")
        if loads and isinstance(cores, int) and max(loads) > cores:
            found.append(
                f"the {label} run had a load average of up to {max(loads)} on {cores} cores: waits were longer "
                "then, and weigh more in quick loops than in slow ones"
            )
    versions = [
        {name: version for r in run.records for name, version in r.versions.items()} for run in (old, new)
    ]
    for name in sorted(versions[0].keys() & versions[1].keys()):
        if versions[0][name] != versions[1][name]:
            found.append(f"different {name}: {versions[0][name]} and {versions[1][name]}")
    for label, run in (("old", old), ("new", new)):
        failed = sorted({f"{record.subject} in {record.case}" for record in run.records if record.error})
        if failed:
            found.append(f"failed in the {label} run: {', '.join(failed)}")
    return found


def render_comparison(comparison: Comparison) -> str:
    """The findings as text: one line for each change, then the sources of the changes."""
    lines = [f"caution: {caution}" for caution in comparison.cautions]
    rows = [
        (
            finding.verdict,
            percent(finding.change.ratio),
            f"[{percent(finding.change.low)} .. {percent(finding.change.high)}]",
            *(finding.subject, finding.metric.name, finding.case),
        )
        for finding in comparison.with_verdict("slower", "larger", "faster", "smaller", "blind")
    ]
    if rows:
        headers = ("", "change", "interval", "subject", "metric", "case")
        lines.append(render(headers, rows, numeric=("change",)))
    lines += _where(comparison)
    n_same = len(comparison.with_verdict("same"))
    n_blind = len(comparison.with_verdict("blind"))
    lines.append(f"{n_same} of {len(comparison.findings)} metrics are the same within the tolerance")
    if n_blind:
        lines.append(
            f"{n_blind} are too noisy to see a slowdown of a fifth: more --processes or --rounds would help"
        )
    return "\n".join(lines)


def _where(comparison: Comparison) -> list[str]:
    """One line per metric that became worse, without those that one of their parts explains."""
    worse: dict[str, list[Finding]] = {}
    for finding in comparison.with_verdict("slower", "larger"):
        worse.setdefault(finding.metric.name, []).append(finding)
    lines = []
    for name, findings in worse.items():
        metric = findings[0].metric
        parts = [part for part in metric.includes if part in worse]
        if parts:
            lines.append(f"  {name}: because of {', '.join(parts)}")
            continue
        n_cases = len({f.case for f in comparison.findings if f.metric.name == name})
        ratios = sorted(finding.change.ratio for finding in findings)
        place = f" ({metric.where})" if metric.where else ""
        extent = f"{percent(ratios[0])} to {percent(ratios[-1])} in {len(findings)} of {n_cases} cases"
        lines.append(f"  {name}{place}: {extent}")
    return ["where it got worse:", *lines] if lines else []


def percent(ratio: float) -> str:
    """1.2 as `+20 %`."""
    return f"{(ratio - 1) * 100:+.0f} %"

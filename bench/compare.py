"""What of the product got slower or larger between two runs, and where.

Two runs are never equally lucky, so no time is compared as it is. Each is divided, round by round, by what
was timed beside it: the suite's fixed yardstick in the same process, or the reference subject in the same
round. The ratio new / old of those quotients has an interval from a bootstrap (`spread.change_between`). What
the subjects that nobody changed seem to have gained or lost meanwhile is taken off: it is the machine's
doing.

A metric is *slower* if the whole interval lies beyond the tolerance. It is *blind* if the interval is so wide
that a slowdown of a fifth would have gone unseen: then more rounds or processes are needed, and silence
proves nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median

from .results import Record, Results, ResultsError
from .spread import Change, change_between, paired_ratios
from .suite import Metric, Suite, discover_suites

WORTH_FINDING = 1.2
NEGLIGIBLE_SHARE = 0.02


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
    """All findings, and what makes the two runs hard to compare."""

    findings: list[Finding] = field(default_factory=list)
    cautions: list[str] = field(default_factory=list)

    def with_verdict(self, *verdicts: str) -> list[Finding]:
        return [finding for finding in self.findings if finding.verdict in verdicts]

    @property
    def exit_code(self) -> int:
        """1 if anything got slower or larger, 2 if nothing did but something could not be seen, else 0."""
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
    metrics = {metric.name: metric for metric in suite.metrics}
    comparison = Comparison(cautions=_cautions(old, new))
    for case in old.cases():
        drift = _drift(old, new, case, suite)
        for subject in _subjects(old, new, case, is_product=True):
            for name in _metrics(old, new, case, subject):
                metric = metrics.get(name, Metric(name, name, ""))
                finding = _judge(old, new, case, subject, metric, suite, drift, tolerance)
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
    drift: float,
    tolerance: float,
) -> Finding | None:
    before, after = (_quotients(run, case, subject, metric.name, suite) for run in (old, new))
    if before and after:
        if all(_is_negligible(run, case, subject, metric, suite) for run in (old, new)):
            return None
        raw = change_between(before, after)
        change = Change(raw.ratio / drift, raw.low / drift, raw.high / drift)
        return Finding(case, subject, metric, change, _verdict(change, tolerance))
    sizes = [_figures(run, case, subject, metric.name) for run in (old, new)]
    if metric.unit != "bytes" or not all(sizes) or not all(min(size) > 0 for size in sizes):
        return None
    ratio = median(sizes[1]) / median(sizes[0])
    verdict = "larger" if ratio > 1 + tolerance else "smaller" if ratio < 1 / (1 + tolerance) else "same"
    return Finding(case, subject, metric, Change(ratio, ratio, ratio), verdict)


def _is_negligible(run: Results, case: str, subject: str, metric: Metric, suite: Suite) -> bool:
    """Whether this is a part too small for a fifth of it to be felt in any whole that it belongs to."""
    part = _middle(run.samples(case, subject, metric.name))
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
    # Would an interval of this width, around a slowdown worth finding, have been beyond the tolerance?
    return "same" if WORTH_FINDING * change.low / change.ratio > 1 + tolerance else "blind"


def _quotients(run: Results, case: str, subject: str, metric: str, suite: Suite) -> list[list[float]]:
    """Per process: each round's time over what it is measured against in that round."""
    found = []
    for record in run.of(case, subject):
        times = record.samples.get(metric)
        against = _against(run, case, record, metric, suite)
        if times and against:
            found.append(paired_ratios(times, against))
    return [group for group in found if group]


def _against(run: Results, case: str, record: Record, metric: str, suite: Suite) -> Sequence[float]:
    if suite.divisor == "reference":
        for other in run.of(case, suite.reference):
            if other.process == record.process and other.samples.get(metric):
                return other.samples[metric]
    return record.yardstick.get(metric, ())


def _drift(old: Results, new: Results, case: str, suite: Suite) -> float:
    """The median change of what nobody changed: subjects that are not the product, all their times."""
    if suite.divisor == "reference":
        return 1.0
    changes = []
    for subject in _subjects(old, new, case, is_product=False):
        for metric in _metrics(old, new, case, subject):
            before, after = (_quotients(run, case, subject, metric, suite) for run in (old, new))
            if before and after:
                changes.append(_middle(after) / _middle(before))
    return median(changes) if changes else 1.0


def _middle(groups: Iterable[Sequence[float]]) -> float:
    return median([sample for group in groups for sample in group])


def _figures(run: Results, case: str, subject: str, metric: str) -> list[float]:
    return [record.figures[metric] for record in run.of(case, subject) if metric in record.figures]


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
    """The findings as text: a line each for what changed, then where it comes from."""
    lines = [f"caution: {caution}" for caution in comparison.cautions]
    for finding in comparison.with_verdict("slower", "larger", "faster", "smaller", "blind"):
        change = finding.change
        interval = f"[{percent(change.low)} .. {percent(change.high)}]"
        lines.append(
            f"{finding.verdict:7} {percent(change.ratio):>6} {interval}  "
            f"{finding.subject}  {finding.metric.name}  {finding.case}"
        )
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
    """One line per metric that got worse, but for those that a worse part of theirs explains."""
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

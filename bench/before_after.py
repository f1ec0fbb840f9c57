"""Measures the product beside that of an earlier commit in the same rounds: look-ups, loops, certification, memory.

The earlier one runs in a worktree of its own, with the copy of this package there, because subjects use internals of
the product. Both must speak the same protocol with their parent, so commits from before `--beside` cannot be measured.
"""

from __future__ import annotations

import datetime
import math
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from sched_cache.cli.table import render

from .campaign import FOLDER, CampaignError, beside
from .case import Case
from .compare import Comparison, compare, percent
from .interpreter import CHECKOUT, candidates, find_interpreter, is_checkout
from .machine import describe_machine, revision
from .progress import Progress
from .results import Results, Run, read_results, to_line
from .runner import Plan, run_case
from .services import DATABASE, REDIS, start_services
from .size import Size
from .subject import discover_subjects
from .suite import discover_suites, metric_named

# In these suites, each subject has a database of its own, named after it. In others, subjects share the stored data.
_SHARE_DATABASES = frozenset({"loop", "restart"})


@dataclass(frozen=True, slots=True)
class Part:
    """Cases of one suite with one subject. Those of `quick` are run with `--quick`, too."""

    suite: str
    subject: str
    cases: Sequence[str]
    quick: Sequence[str] = ()
    has_redis: bool = True
    n_rounds: int = 0
    n_quick_rounds: int = 0

    @property
    def name(self) -> str:
        return self.suite if self.has_redis else f"{self.suite}-without-redis"


_THREE_LARGE, _MANY_SMALL = "n_dags=3 n_tasks=1000", "n_dags=200 n_tasks=5"
PARTS = (
    Part("lookup", "sched_cache", ("n_tasks=1000",), ("n_tasks=1000",), True, 40, 15),
    Part("lookup", "sched_cache", ("n_tasks=1000",), ("n_tasks=1000",), False, 40, 15),
    Part("scale", "sched_cache", ("n_dags=1000", "n_dags=10000"), ("n_dags=1000",), True, 15, 8),
    Part("loop", "plugin", (_THREE_LARGE, _MANY_SMALL), (_THREE_LARGE,), True, 6, 3),
    Part("restart", "plugin_no_l2", ("n_tasks=200",), (), False, 6),
    Part("memory", "plugin", ("n_dags=500",), ("n_dags=40",), True, 1, 1),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one part. before, now: the results of the two commits."""

    part: Part
    before: Results
    now: Results
    comparison: Comparison


def before_after(commit: str, size: Size, folder: Path = FOLDER, only: Sequence[str] = ()) -> list[Outcome]:
    """Measures every part, or the parts of the suites in `only`, and writes the results to `folder`.

    Raises:
        CampaignError: this is no checkout, there is no such commit, or a subject failed.
        ServerError: PostgreSQL or Redis did not start.
    """
    is_quick = size is Size.QUICK
    parts = [part for part in PARTS if (part.quick or not is_quick) and (not only or part.suite in only)]
    cases = [_cases(part, size) for part in parts]
    progress = Progress([60.0] * sum(map(len, cases)))
    outcomes = []
    with ExitStack() as stack:
        checkout = stack.enter_context(worktree(commit))
        services = stack.enter_context(start_services({DATABASE, REDIS}, quick=False))
        others = stack.enter_context(start_services({DATABASE, REDIS}, quick=False))
        for part, chosen in zip(parts, cases, strict=True):
            plan = Plan(
                processes=0 if part.suite == "memory" and not is_quick else 1,
                rounds=part.n_quick_rounds if is_quick else part.n_rounds,
                is_beside=True,
                before=checkout,
                before_services=_services(part, {**services, **_own(part, others)}),
            )
            path = _measure(part, chosen, _services(part, services), plan, commit, folder, progress)
            old, new = read_results(beside(path)), read_results(path)
            outcomes.append(Outcome(part, old, new, compare(old, new)))
    return outcomes


@contextmanager
def worktree(commit: str) -> Iterator[Path]:
    """A folder with the files of that commit, removed at the end of the block.

    Raises:
        CampaignError: there is no such commit here.
    """
    if not is_checkout():
        raise CampaignError("an installation has no earlier commits: run this in a checkout")
    with TemporaryDirectory(prefix="bench-before-") as folder:
        path = Path(folder, "checkout")
        _git("worktree", "add", "--quiet", "--detach", str(path), commit)
        try:
            yield path
        finally:
            _git("worktree", "remove", "--force", str(path))


def _git(*arguments: str) -> None:
    done = subprocess.run(
        ["git", "-C", str(CHECKOUT), *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise CampaignError(f"git {' '.join(arguments[:2])}: {done.stderr.strip()}")


def _cases(part: Part, size: Size) -> list[Case]:
    labels = part.quick if size is Size.QUICK else part.cases
    suite = discover_suites()[part.suite]
    # The large cases are those of the standard set, at any size.
    pool = [*suite.cases(Size.STANDARD, 0), *suite.cases(Size.QUICK, 0)]
    found = []
    for label in labels:
        words = set(label.split())
        # If two cases fit, `--quick` takes the smaller one.
        fitting = [case for case in pool if words <= set(case.label.split())]
        case = fitting[-1 if size is Size.QUICK else 0]
        found.append(replace(case, min_rounds=1, max_rounds=1_000_000))
    return found


def _services(part: Part, services: Mapping[str, str]) -> dict[str, str]:
    return {name: url for name, url in services.items() if name != REDIS or part.has_redis}


def _own(part: Part, others: Mapping[str, str]) -> Mapping[str, str]:
    """The services of its own that the earlier commit needs: two releases may not understand each other's tables."""
    return {REDIS: others[REDIS]} if part.suite in _SHARE_DATABASES else others


def _measure(
    part: Part,
    cases: Sequence[Case],
    services: Mapping[str, str],
    plan: Plan,
    commit: str,
    folder: Path,
    progress: Progress,
) -> Path:
    now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    run = Run(
        suite=part.suite,
        command=f"python -m bench before-after {commit}",
        started_at=now.isoformat(),
        revision=revision(),
        machine=describe_machine(),
        options={"rounds": plan.rounds, "has_redis": part.has_redis},
        beside=now.isoformat(),
    )
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"before-after-{part.name}-{now:%Y%m%dT%H%M%SZ}.jsonl"
    suite, subjects = discover_suites()[part.suite], discover_subjects()
    subject = subjects[part.subject]
    # The reference is not measured, but a suite may need it to create its data.
    requires = [*subject.requires, *subjects[suite.reference].requires]
    python = find_interpreter(requires, candidates())
    if python is None:
        raise CampaignError(f"no interpreter has {', '.join(requires)}")
    with path.open("w", buffering=1) as new, beside(path).open("w", buffering=1) as old:
        print(to_line(run), file=new)
        print(to_line(replace(run, revision=commit)), file=old)
        for case in cases:
            for record, is_before in run_case(case, suite, [(subject, python)], services, plan, progress):
                if record.error:
                    which = commit if is_before else "now"
                    raise CampaignError(f"{part.name}, {case.label}, {which}: {record.error.strip()[-2000:]}")
                print(to_line(record), file=old if is_before else new)
            progress.case_done(f"{part.name}: {case.label}")
    return path


def render_outcomes(outcomes: Sequence[Outcome]) -> str:
    """One line per metric, with the worse ones repeated at the end."""
    headers = ("", "before", "now", "change", "99 % interval", "metric", "case")
    rows = []
    for outcome in outcomes:
        suite = discover_suites()[outcome.part.suite]
        for finding in outcome.comparison.findings:
            is_whole = not any(finding.metric.name in metric.includes for metric in suite.metrics)
            if is_whole or finding.metric.name in suite.headline or finding.verdict in ("slower", "larger"):
                middles = [
                    results.median(finding.case, finding.subject, finding.metric.name) or math.nan
                    for results in (outcome.before, outcome.now)
                ]
                unit = metric_named(suite, finding.metric.name).unit
                change = finding.change
                rows.append(
                    (
                        finding.verdict,
                        *(_shown(middle, unit) for middle in middles),
                        percent(change.ratio),
                        f"[{percent(change.low)} .. {percent(change.high)}]",
                        f"{outcome.part.name} {finding.metric.name}",
                        finding.case,
                    )
                )
    n_worse = sum(len(outcome.comparison.with_verdict("slower", "larger")) for outcome in outcomes)
    table = render(headers, rows, numeric=("before", "now", "change"))
    return f"{table}\n{n_worse} metrics got slower or larger"


def _shown(value: float, unit: str) -> str:
    if unit != "seconds":
        return f"{value:.4g}"
    for scale, name in ((1.0, "s"), (1e3, "ms")):
        if value * scale >= 1:
            return f"{value * scale:.3g} {name}"
    return f"{value * 1e6:.3g} us"


def main(commit: str, size: Size, only: Sequence[str]) -> int:
    """The exit code: 1 if something became slower or larger."""
    started = time.monotonic()
    outcomes = before_after(commit, size, only=only)
    print(render_outcomes(outcomes))
    print(f"{time.monotonic() - started:.0f} s", file=sys.stderr)
    return int(any(outcome.comparison.with_verdict("slower", "larger") for outcome in outcomes))

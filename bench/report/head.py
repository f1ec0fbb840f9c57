"""The top of the page: the machine, the findings, the date and version, and the subjects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..results import Results
from ..subject import discover_subjects
from .headline import comparisons
from .markdown import versions_text
from .wording import suite_of


@dataclass(frozen=True, slots=True)
class Contents:
    """A row of one suite: what it asks, the first figure that it found, and when, of which code and at which load."""

    suite: str
    title: str
    found: str
    days: str
    commits: str
    is_old: bool
    loads: str


@dataclass(frozen=True, slots=True)
class Head:
    """subjects: title and description of each."""

    facts: Sequence[str]
    contents: Sequence[Contents]
    subjects: Sequence[tuple[str, str]]


def page_head(results: Sequence[Results]) -> Head:
    return Head(_facts(results), _contents(results), _subjects(results))


def _facts(results: Sequence[Results]) -> list[str]:
    machines = dict.fromkeys(
        f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}"
        for machine in (one.run.machine for one in results)
    )
    facts = ("; ".join(machines), versions_text(record for one in results for record in one.records))
    return [fact for fact in facts if fact]


def _contents(results: Sequence[Results]) -> list[Contents]:
    if not results:
        return []
    newest = max((run for one in results for run in one.runs()), key=lambda run: run.started_at)
    rows = []
    for one in results:
        runs = one.runs()
        days = sorted(run.started_at[:16].replace("T", " ") for run in runs)
        commits = dict.fromkeys(run.revision[:7] + "+" * run.revision.endswith("+") or "?" for run in runs)
        loads = [load for record in one.records for load in record.load] or [0.0]
        rows.append(
            Contents(
                suite=one.run.suite,
                title=suite_of(one).title,
                found=_first_found(one),
                days=" to ".join(dict.fromkeys((days[0], days[-1]))),
                commits=", ".join(commits),
                is_old=any(run.revision != newest.revision for run in runs),
                loads=f"{min(loads):.1f} to {max(loads):.1f}",
            )
        )
    return rows


def _first_found(results: Results) -> str:
    found = next(comparisons(results), None)
    if found is None:
        return ""
    return f"{found.title}: {found.words}"


def _subjects(results: Sequence[Results]) -> list[tuple[str, str]]:
    """The subjects, in their own descriptions."""
    known = discover_subjects()
    names = dict.fromkeys(name for one in results for name in one.subjects())
    return [(known[name].title, known[name].about) for name in names if name in known and known[name].about]

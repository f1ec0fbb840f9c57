"""The top of the page: the machine, the findings, the date and version, and the subjects."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from ..results import Results
from ..subject import discover_subjects
from .headline import comparisons
from .markdown import versions_text
from .wording import suite_of


def page_head(results: Sequence[Results]) -> str:
    """HTML."""
    return _machines(results) + _contents(results) + _subjects(results)


def _machines(results: Sequence[Results]) -> str:
    machines = dict.fromkeys(
        f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}"
        for machine in (one.run.machine for one in results)
    )
    facts = [
        "; ".join(machines),
        versions_text(record for one in results for record in one.records),
    ]
    return '<p class="small">' + "<br>".join(escape(fact) for fact in facts if fact) + "</p>"


def _contents(results: Sequence[Results]) -> str:
    """A row per suite: what it asks, the first figure that it found, and when, of which code and at which load."""
    if not results:
        return ""
    newest = max((run for one in results for run in one.runs()), key=lambda run: run.started_at)
    rows = []
    for one in results:
        runs = one.runs()
        days = sorted(run.started_at[:16].replace("T", " ") for run in runs)
        commits = dict.fromkeys(run.revision[:7] + "+" * run.revision.endswith("+") or "?" for run in runs)
        is_old = any(run.revision != newest.revision for run in runs)
        loads = [load for record in one.records for load in record.load] or [0.0]
        rows.append(
            f"<tr><td><a href='#{escape(one.run.suite)}'>{escape(suite_of(one).title)}</a>"
            f"<td>{escape(_first_found(one))}<td>{' to '.join(dict.fromkeys((days[0], days[-1])))}"
            f"<td{' class=old' if is_old else ''}>{escape(', '.join(commits))}{' (older code)' if is_old else ''}"
            f"<td>{min(loads):.1f} to {max(loads):.1f}</tr>"
        )
    return (
        '<div class="wide"><table><tr><th>what was asked<th>found<th>measured (UTC)<th>commit'
        f"<th>load average</tr>{''.join(rows)}</table></div>"
        '<p class="small">A + after a commit: with changes that were not committed yet. Above the number of cores, a '
        "load average means that other work was going on: believe ratios then, not times.</p>"
    )


def _first_found(results: Results) -> str:
    found = next(comparisons(results), None)
    if found is None:
        return ""
    return f"{found.title}: {found.words}"


def _subjects(results: Sequence[Results]) -> str:
    """The subjects, in their own descriptions."""
    known = discover_subjects()
    names = dict.fromkeys(name for one in results for name in one.subjects())
    items = "".join(
        f"<dt>{escape(known[name].title)}<dd>{escape(known[name].about)}"
        for name in names
        if name in known and known[name].about
    )
    return f"<details open><summary>Subjects</summary><dl>{items}</dl></details>" if items else ""

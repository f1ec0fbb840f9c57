"""The table that the README shows."""

from __future__ import annotations

from collections.abc import Iterable

from ..results import Record, Results
from ..suite import metric_named
from .wording import compared, quantity, suite_of, title_of


def markdown_table(results: Results) -> str:
    """A row per case and headline metric, a column per subject: medians, and ratios to the reference."""
    suite = suite_of(results)
    subjects = results.subjects()
    lines = [
        f"{suite.title}. {commands_text(results)}, {results.run.started_at[:10]}, {machine_text(results)}.",
        "",
        "| case | what | " + " | ".join(title_of(subject) for subject in subjects) + " |",
        "|---|---|" + "---:|" * len(subjects),
    ]
    for case in results.cases():
        for name in suite.headline:
            metric = metric_named(suite, name)
            medians = {subject: results.median(case, subject, name) for subject in subjects}
            if any(value is not None for value in medians.values()):
                reference = medians.get(suite.reference)
                cells = [_cell(medians[s], reference, metric.unit, s == suite.reference) for s in subjects]
                lines.append(f"| {case} | {metric.title} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def commands_text(results: Results) -> str:
    """The commands that these results come from."""
    return ", ".join(f"`{command}`" for command in dict.fromkeys(run.command for run in results.runs()))


def machine_text(results: Results) -> str:
    """Processor, system and the versions that matter, in one line."""
    machine = results.run.machine
    return (
        f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}, {versions_text(results.records)}"
    )


def versions_text(records: Iterable[Record]) -> str:
    """Of Python and of what matters beside it; of some there are several, in environments of their own."""
    found: dict[str, set[str]] = {}
    for record in records:
        for name, version in record.versions.items():
            found.setdefault(name, set()).add(version)
    return ", ".join(f"{name} {' and '.join(sorted(found[name]))}" for name in sorted(found))


def _cell(value: float | None, reference: float | None, unit: str, is_reference: bool) -> str:
    if value is None:
        return ""
    text = quantity(value, unit)
    return text if is_reference or not reference or not value else f"{text} ({compared(reference, value)})"

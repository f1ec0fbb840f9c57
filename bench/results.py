"""Results on disk: JSON lines.

The first says what was run on what, each other one is one subject in one process.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .spread import summarize

FORMAT = 1


class ResultsError(Exception):
    """This file does not hold results that can be read here."""


@dataclass(frozen=True, slots=True)
class Run:
    """What was run, when and on what."""

    suite: str
    command: str
    started_at: str  # UTC, ISO 8601
    revision: str
    machine: Mapping[str, object]
    options: Mapping[str, object]
    planted: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """One subject, one case, one process.

    `samples` holds every round, in order, so that pairs can be made later.
    """

    case: str
    parameters: Mapping[str, Any]
    subject: str
    is_product: bool
    process: int
    seed: int
    samples: Mapping[str, Sequence[float]]
    figures: Mapping[str, float]
    yardstick: Mapping[str, Sequence[float]]
    peak_rss_bytes: int
    load: Sequence[float]  # one-minute load average before and after
    versions: Mapping[str, str]
    error: str = ""


@dataclass(slots=True)
class Results:
    """One file."""

    run: Run
    records: list[Record] = field(default_factory=list)

    def subjects(self) -> list[str]:
        return list(dict.fromkeys(record.subject for record in self.records))

    def cases(self) -> dict[str, Mapping[str, Any]]:
        """Case label -> parameters, in the order they were run."""
        return {record.case: record.parameters for record in self.records}

    def of(self, case: str, subject: str) -> list[Record]:
        """One record per process that did not fail."""
        return [r for r in self.records if r.case == case and r.subject == subject and not r.error]

    def samples(self, case: str, subject: str, metric: str) -> list[list[float]]:
        """One list per process; a figure counts as one sample."""
        found = []
        for record in self.of(case, subject):
            if metric in record.samples:
                found.append(list(record.samples[metric]))
            elif metric in record.figures:
                found.append([record.figures[metric]])
        return found


def to_line(item: Run | Record) -> str:
    """One line of JSON; a record carries its summary too, for readers with nothing but `jq`."""
    line: dict[str, Any] = asdict(item)
    if isinstance(item, Record):
        line["kind"] = "record"
        line["summary"] = {name: asdict(summarize(values)) for name, values in item.samples.items() if values}
    else:
        line = {"kind": "run", "format": FORMAT, **line}
    return json.dumps(line)


def read_results(path: Path) -> Results:
    """Raises ResultsError: no such file, not such a file, or of a later format."""
    try:
        lines = [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
        first = lines[0]
        if first["kind"] != "run" or first["format"] > FORMAT:
            raise ResultsError(f"{path}: results of format {first.get('format')}, this reads up to {FORMAT}")
        return Results(
            run=Run(**{name: first[name] for name in Run.__dataclass_fields__}),
            records=[
                Record(**{name: line[name] for name in Record.__dataclass_fields__}) for line in lines[1:]
            ],
        )
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise ResultsError(f"{path} does not hold results: {error!r}") from error


def newest_files(folder: Path) -> Iterator[Path]:
    """Result files, newest first."""
    yield from sorted(folder.glob("*.jsonl"), key=lambda path: path.stat().st_mtime, reverse=True)

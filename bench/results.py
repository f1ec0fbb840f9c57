"""Results on disk: JSON lines.

The first line describes the run, each other line one subject in one process. Files of one suite and machine may be
joined, and then have several such first lines.
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
    """A run: its suite, its start, its code and its machine."""

    suite: str
    command: str
    started_at: str  # UTC, ISO 8601
    revision: str
    machine: Mapping[str, object]
    options: Mapping[str, object]
    planted: str = ""
    beside: str = ""  # of what was measured in the same rounds and lies in another file: a name for both


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
    """One file. `run` is the first of its runs. If a later one has repeated a case, its results count."""

    run: Run
    records: list[Record] = field(default_factory=list)
    later_runs: list[Run] = field(default_factory=list)

    def runs(self) -> list[Run]:
        return [self.run, *self.later_runs]

    def subjects(self) -> list[str]:
        return list(dict.fromkeys(record.subject for record in self.records))

    def cases(self) -> dict[str, Mapping[str, Any]]:
        """Case label -> parameters, in the order they were run."""
        return {record.case: record.parameters for record in self.records}

    def of(self, case: str, subject: str) -> list[Record]:
        """One record per process that did not fail."""
        return [r for r in self.records if r.case == case and r.subject == subject and not r.error]

    def samples(self, case: str, subject: str, metric: str) -> list[list[float]]:
        """One list of samples per process; a figure counts as one sample."""
        found = []
        for record in self.of(case, subject):
            if metric in record.samples:
                found.append(list(record.samples[metric]))
            elif metric in record.figures:
                found.append([record.figures[metric]])
        return found

    def median(self, case: str, subject: str, metric: str) -> float | None:
        """Of all samples of all processes; None if there is none."""
        samples = [sample for group in self.samples(case, subject, metric) for sample in group]
        return summarize(samples).median if samples else None


def to_line(item: Run | Record) -> str:
    """One line of JSON. A record contains its summary, too, for readers that use `jq`."""
    line: dict[str, Any] = asdict(item)
    if isinstance(item, Record):
        line["kind"] = "record"
        line["summary"] = {name: asdict(summarize(values)) for name, values in item.samples.items() if values}
    else:
        line = {"kind": "run", "format": FORMAT, **line}
    return json.dumps(line)


def read_results(path: Path) -> Results:
    """Raises ResultsError: no such file, not such a file, of a later format, or of several machines or suites."""
    try:
        lines = [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
        runs: list[Run] = []
        by_case: dict[str, dict[int, list[Record]]] = {}  # by the number of the run
        for line in lines:
            if line["kind"] == "run":
                if line["format"] > FORMAT:
                    raise ResultsError(
                        f"{path}: results of format {line['format']}, this reads up to {FORMAT}"
                    )
                runs.append(Run(**{name: line[name] for name in Run.__dataclass_fields__ if name in line}))
            else:
                record = Record(**{name: line[name] for name in Record.__dataclass_fields__})
                by_case.setdefault(record.case, {}).setdefault(len(runs), []).append(record)
        first, *later = runs
        if any((run.suite, run.machine) != (first.suite, first.machine) for run in later):
            raise ResultsError(f"{path}: runs of several suites or machines")
        newest = [of_runs[max(of_runs)] for of_runs in by_case.values()]
        return Results(first, [record for records in newest for record in records], later)
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise ResultsError(f"{path} does not hold results: {error!r}") from error


def newest_files(folder: Path) -> Iterator[Path]:
    """Result files, newest first."""
    yield from sorted(folder.glob("*.jsonl"), key=lambda path: path.stat().st_mtime, reverse=True)

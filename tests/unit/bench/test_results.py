"""Result files: what is written is what is read, and anything else is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.results import ResultsError, read_results, to_line
from tests.unit.bench.results_of_a_machine import make_results


def test_results_survive_the_file(tmp_path: Path) -> None:
    """Every sample is kept, in order."""
    results = make_results(1)
    path = tmp_path / "format.jsonl"
    path.write_text("\n".join([to_line(results.run), *map(to_line, results.records)]) + "\n")
    read = read_results(path)
    assert read.run == results.run
    assert read.records == results.records


def test_a_record_carries_its_summary() -> None:
    """So that a line can be read without this package."""
    record = make_results(1).records[0]
    summary = json.loads(to_line(record))["summary"]["encode"]
    assert summary["n"] == len(record.samples["encode"])
    assert summary["q1"] <= summary["median"] <= summary["q3"]


@pytest.mark.parametrize(
    "content", ["", "{}", "not json", '{"kind": "record"}', '{"kind": "run", "format": 99}']
)
def test_other_files_are_refused(tmp_path: Path, content: str) -> None:
    """With an error of ours that names the file."""
    path = tmp_path / "other.jsonl"
    path.write_text(content)
    with pytest.raises(ResultsError, match=r"other\.jsonl"):
        read_results(path)

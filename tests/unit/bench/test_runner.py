"""A run: processes side by side, rounds in turn, one subject's failure is nobody else's."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.case import Case
from bench.cli import main
from bench.interpreter import distributions, find_interpreter
from bench.progress import Progress, minutes_left
from bench.results import read_results
from bench.runner import Plan, _rounds


class Turn:
    def __init__(self, name: str, turns: list[str], n_parts: int = 0) -> None:
        self._name, self._turns, self._n_parts = name, turns, n_parts

    def ask(self, command: str) -> bool:
        self._turns.append(self._name)
        return self._turns.count(self._name) % (self._n_parts + 1) != 0


def test_subjects_take_turns_and_nobody_always_follows_the_same() -> None:
    """A B C, B C A, C A B: rounds of different subjects are neighbours in time, so they make pairs."""
    turns: list[str] = []
    workers: Any = [Turn(name, turns) for name in "ABC"]
    _rounds(
        Case("format", {}, budget_seconds=60), workers, Plan(max_rounds=3), Progress([1.0], io.StringIO()), 0
    )
    assert "".join(turns) == "ABCBCACAB"


def test_subjects_take_turns_part_by_part() -> None:
    """A round in three parts, and one subject that has fewer: each part of one is a neighbour of the other's."""
    turns: list[str] = []
    workers: Any = [Turn("A", turns, n_parts=3), Turn("B", turns, n_parts=1)]
    _rounds(Case("loop", {}), workers, Plan(max_rounds=1), Progress([1.0], io.StringIO()), 0)
    assert "".join(turns) == "AB" + "BA" + "A" + "A"


def test_a_spent_budget_ends_the_rounds_but_never_before_the_fewest() -> None:
    """Three samples are the least that have a spread."""
    turns: list[str] = []
    workers: Any = [Turn("A", turns)]
    case = Case("format", {}, budget_seconds=0, min_rounds=3)
    _rounds(case, workers, Plan(max_rounds=20), Progress([1.0], io.StringIO()), 0)
    assert len(turns) == 3


def test_time_that_is_up_ends_the_rounds_at_once() -> None:
    """The samples until then are kept, so there must be one round."""
    turns: list[str] = []
    workers: Any = [Turn("A", turns)]
    case = Case("format", {}, budget_seconds=60, min_rounds=3)
    _rounds(case, workers, Plan(max_rounds=20, until=0.0), Progress([1.0], io.StringIO()), 0)
    assert len(turns) == 1


def test_repeats_that_there_is_no_time_for_are_left_out_and_that_is_said() -> None:
    """`--quick` ends within three minutes on a busy machine, too: each case that is left has one round."""
    turns: list[str] = []
    workers: Any = [Turn("A", turns)]
    said = io.StringIO()
    case = Case("format", {}, budget_seconds=60, min_rounds=3)
    _rounds(case, workers, Plan(max_rounds=20, repeat_until=0.0), Progress([1.0], said), 0)
    assert len(turns) == 1
    assert "no time for more than 1 of 3 rounds" in said.getvalue()


def test_what_is_left_is_told_by_the_pace_so_far() -> None:
    """A machine that took twice as long for the first case will for the others."""
    assert minutes_left([60.0, 60.0, 120.0], 0, 0.0) == 4
    assert minutes_left([60.0, 60.0, 120.0], 0, 30.0) == 3.5
    assert minutes_left([60.0, 60.0, 120.0], 1, 120.0) == 6
    assert minutes_left([60.0], 1, 90.0) == 0


def test_a_run_writes_a_line_per_subject_and_process(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """From the command line to the file; the reference is left out where it cannot run, and that is said."""
    output = tmp_path / "results.jsonl"
    arguments = [
        "format",
        "--quick",
        "--case",
        "n_tasks=100",
        "--subject",
        "zlib_json",
        "--subject",
        "pickle",
    ]
    code = main(
        [*arguments, "--rounds", "3", "--processes", "2", "--python", sys.executable, "--output", str(output)]
    )
    assert code == 0
    results = read_results(output)
    ran = {(record.subject, record.process) for record in results.records}
    assert {("zlib_json", 0), ("zlib_json", 1), ("pickle", 0), ("pickle", 1)} <= ran
    for record in results.records:
        assert not record.error
        assert len(record.samples["read_task"]) == len(record.yardstick["read_task"]) == 3
        assert all(sample > 0 for sample in record.samples["read_task"])
        assert record.figures["resident_bytes"] > 0
        assert record.peak_rss_bytes > 1_000_000
    assert str(tmp_path) not in results.run.command
    assert capsys.readouterr().out.strip() == str(output)


def test_a_failing_subject_is_recorded_and_the_rest_is_measured(tmp_path: Path) -> None:
    """The exit code says that something failed, the record says what."""
    output = tmp_path / "results.jsonl"
    arguments = [
        "format",
        "--quick",
        "--case",
        "n_tasks=100",
        "--subject",
        "zlib_json",
        "--subject",
        "sched_cache",
    ]
    planted = ["--plant", "sched_cache.format:no_such_function=20"]
    assert (
        main([*arguments, *planted, "--rounds", "3", "--python", sys.executable, "--output", str(output)])
        == 1
    )
    by_subject = {record.subject: record for record in read_results(output).records}
    assert "no_such_function" in by_subject["sched_cache"].error
    assert len(by_subject["zlib_json"].samples["encode"]) == 3


@pytest.mark.parametrize("arguments", [["format", "--subject", "nobody"], ["format", "--case", "n_tasks=10"]])
def test_what_does_not_exist_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, and the message says what there is."""
    assert main(arguments) == 2
    assert "see `list`" in (message := capsys.readouterr().err) or "it has" in message


def test_an_interpreter_needs_every_distribution_in_the_right_version() -> None:
    """A version is a prefix of whole parts: 3.1 is not a prefix of 3.11."""
    here = Path(sys.executable)
    version = distributions(here)["pytest"]
    major = version.partition(".")[0]
    assert find_interpreter(["pytest"], [here]) == here
    assert find_interpreter([f"pytest=={major}", f"pytest=={version}"], [here]) == here
    assert find_interpreter([f"pytest=={version}9"], [here]) is None
    assert find_interpreter([f"pytest=={major}.99"], [here]) is None
    assert find_interpreter([f"pytest=={major}.99"], [here], of_any_minor=True) == here
    assert find_interpreter([f"pytest=={int(major) + 1}.0"], [here], of_any_minor=True) is None
    assert find_interpreter(["no-such-distribution"], [here]) is None
    assert find_interpreter(["pytest"], [Path("/nonexistent/python"), here]) == here

"""`compare --agree`: two runs of the same code report the same, or it is said where they do not."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.agree import Agreement, agreements, render_agreements
from bench.cli import main
from bench.results import Results, to_line
from tests.unit.bench.results_of_a_machine import make_results


def write(folder: Path, results: Results) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "format.jsonl").write_text("\n".join(map(to_line, [results.run, *results.records])))
    return folder


def of_a_reference(seed: int, **options: float) -> Results:
    """The imagined rival stands in for the host that ratios are taken against."""
    results = make_results(seed, noise=0.01, **options)  # type: ignore[arg-type]  # its options
    named = {"rival": "airflow", "ours": "sched_cache"}
    for number, record in enumerate(results.records):
        changed = {name: getattr(record, name) for name in record.__dataclass_fields__}
        results.records[number] = type(record)(**changed | {"subject": named[record.subject]})
    return results


def test_ratios_travel_where_seconds_do_not() -> None:
    """The second machine is half as slow again, and reports the same."""
    found = list(agreements(of_a_reference(1), of_a_reference(2, machine=1.5)))
    assert {one.metric for one in found} == {"read_task", "encode"}
    assert all(one.difference < 0.1 and not one.unjudged for one in found)
    assert {round(one.old) for one in found if one.metric == "read_task"} == {20}


def test_a_difference_is_the_same_from_either_side() -> None:
    """A fifth more is a fifth, whichever run is called the old one."""
    assert Agreement("s", "c", "p", "m", 10.0, 12.0).difference == pytest.approx(0.2)
    assert Agreement("s", "c", "p", "m", 12.0, 10.0).difference == pytest.approx(0.2)


def test_folders_are_judged_suite_by_suite(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 0 if everything agrees, else 1, with the worst first."""
    old = write(tmp_path / "old", of_a_reference(1))
    same = write(tmp_path / "same", of_a_reference(2))
    slower = of_a_reference(3)
    for record in slower.records:
        if record.subject == "sched_cache":
            record.samples["encode"][:] = [1.3 * s for s in record.samples["encode"]]  # type: ignore[index]  # a list
    other = write(tmp_path / "other", slower)
    assert main(["compare", str(old), str(same), "--agree", "10"]) == 0
    assert "6 of 6 ratios agree within 10 %" in capsys.readouterr().out
    assert main(["compare", str(old), str(other), "--agree", "10"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("DIFFER") and "encode" in lines[1]
    assert lines[-1].startswith("3 of 6 ratios agree")


def test_what_is_not_judged_is_listed_with_the_reason() -> None:
    """Silence would look like agreement."""
    few, once = of_a_reference(1), of_a_reference(2)
    for record in once.records:
        for samples in record.samples.values():
            del samples[1:]  # type: ignore[attr-defined]  # a list
    once.records[:] = [record for record in once.records if record.process == 0]
    found = list(agreements(few, once))
    assert {one.unjudged for one in found} == {"times of fewer than 3 rounds"}
    assert (
        "not judged: 6, times of fewer than 3 rounds: format read_task, format encode"
        in render_agreements(found, 0.1)
    )


def test_two_runs_with_nothing_to_judge_do_not_agree(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 2: nothing was found out."""
    results = of_a_reference(1)
    for record in results.records:
        for samples in record.samples.values():
            del samples[1:]  # type: ignore[attr-defined]  # a list
    results.records[:] = [record for record in results.records if record.process == 0]
    folders = [write(tmp_path / name, results) for name in ("old", "new")]
    assert main(["compare", *map(str, folders), "--agree", "10"]) == 2
    assert "not judged" in capsys.readouterr().out


def test_times_of_the_product_alone_are_not_judged_and_sizes_are() -> None:
    """A suite that has nothing to compare with: its seconds are those of the machine."""
    results = make_results(1, suite="scale")
    for number, record in enumerate(results.records):
        changed = {name: getattr(record, name) for name in record.__dataclass_fields__}
        changed |= {
            "subject": "sched_cache" if record.is_product else "rival",
            "samples": {"certify_idle": [0.001] * 5},
            "figures": {"floor_bytes": 317.0},
        }
        results.records[number] = type(record)(**changed)
    why = {one.metric: one.unjudged for one in agreements(results, results)}
    assert why["floor_bytes"] == ""
    assert why["certify_idle"].startswith("seconds without anything to divide them by")


def test_the_worst_comes_first() -> None:
    """It is what one looks for."""
    found = [
        Agreement("s", name, "p", "m", 1.0, ratio) for name, ratio in (("a", 1.02), ("b", 1.5), ("c", 1.2))
    ]
    assert [line.split()[-1] for line in render_agreements(found, 0.1).splitlines()[1:-1]] == ["b", "c", "a"]

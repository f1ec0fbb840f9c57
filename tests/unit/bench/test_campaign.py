"""Which suites, subjects and cases run, and into which file."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bench import campaign
from bench.campaign import CampaignError, Choice, _placed, taking_part
from bench.case import Case
from bench.cli import main
from bench.results import ResultsError, read_results, to_line
from bench.services import DATABASE, REDIS, start_services
from bench.size import Size
from bench.subject import discover_subjects
from bench.suite import discover_suites
from tests.unit.bench.results_of_a_machine import make_results

QUICK = ["--quick", "--rounds", "3", "--python", sys.executable]


def test_every_suite_has_a_reference_and_a_product() -> None:
    """Or there would be nothing to compare."""
    subjects = discover_subjects()
    for suite in discover_suites().values():
        able = [subject for subject in subjects.values() if suite.name in subject.suites]
        assert suite.reference in {subject.name for subject in able}, suite.name
        assert any(subject.is_product and subject.is_quick for subject in able), suite.name
        titles = {metric.name for metric in suite.metrics}
        assert set(suite.headline) <= titles
        assert {name for chart in suite.charts for name in chart.metrics} <= titles


def test_quick_leaves_out_what_has_to_be_asked_for() -> None:
    """A subject that is named runs all the same."""
    loop = discover_suites()["loop"]
    subjects = discover_subjects()

    def placed(**chosen: object) -> set[str]:
        choice = replace(Choice(Size.QUICK, 0, (), (), None), **chosen)  # type: ignore[arg-type]  # its fields
        return {subject.name for subject, _ in _placed(loop, choice)}

    try:
        quick = placed()
    except CampaignError:
        pytest.skip("no Airflow here")
    assert all(subjects[name].is_quick for name in quick)
    assert placed(size=Size.STANDARD) > quick
    assert "plugin_no_l2" in placed(subjects=["plugin_no_l2"])


def test_quick_services_are_files_and_only_what_is_needed() -> None:
    """SQLite needs nothing installed."""
    with start_services({DATABASE}, quick=True) as services:
        assert services[DATABASE].startswith("sqlite:")
        assert REDIS not in services
    with start_services((), quick=True) as services:
        assert DATABASE not in services


def test_scale_measures_few_and_many_dags(tmp_path: Path) -> None:
    """Whether more of them take longer is for a machine at rest."""
    output = tmp_path / "scale.jsonl"
    assert main(["run", "scale", *QUICK, "--output", str(output)]) == 0
    few, many = read_results(output).records
    assert few.parameters["n_dags"] < many.parameters["n_dags"]
    for record in (few, many):
        for metric in ("certify_full", "certify_idle", "certify_changed", "start"):
            assert min(record.samples[metric]) > 0, metric
        assert record.figures["floor_bytes"] > 100


def test_pieces_of_a_run_make_one_result(tmp_path: Path) -> None:
    """With every command; a case that was run again counts as run then."""
    output = tmp_path / "format.jsonl"
    case = ["--case", "n_tasks=100", "--subject", "zlib_json"]
    for rounds in ("3", "4"):
        arguments = ["format", *case, "--quick", "--rounds", rounds, "--python", sys.executable]
        assert main([*arguments, "--append", "--output", str(output)]) == 0
    results = read_results(output)
    assert [len(run.command) > 0 for run in results.runs()] == [True, True]
    assert [len(r.samples["encode"]) for r in results.records if r.subject == "zlib_json"] == [4]
    assert main(["format", *case, *QUICK, "--output", str(output)]) == 0
    assert len(read_results(output).runs()) == 1


def test_pieces_of_different_machines_are_not_one_result(tmp_path: Path) -> None:
    """Ratios travel, seconds do not."""
    results = make_results(1)
    other = replace(results.run, machine={"cpu": "another"})
    path = tmp_path / "joined.jsonl"
    path.write_text("\n".join(to_line(item) for item in (results.run, *results.records, other)))
    with pytest.raises(ResultsError, match="machines"):
        read_results(path)


def test_all_has_no_file_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each suite has."""
    assert main(["run", "all", "--quick", "--output", str(tmp_path / "all.jsonl")]) == 2
    assert "--output" in capsys.readouterr().err


def test_a_slow_case_is_run_with_few_subjects_and_those_that_were_asked_for(tmp_path: Path) -> None:
    """Its case says with which; whoever names another gets it."""
    case = Case("loop", {}, subjects=("airflow", "plugin"))
    able = [(subject, Path(sys.executable)) for subject in discover_subjects().values()]

    def names(*asked_for: str) -> set[str]:
        return {subject.name for subject, _ in taking_part(case, able, asked_for)}

    assert names() == {"airflow", "plugin"}
    assert names("plugin_no_l2") == {"airflow", "plugin", "plugin_no_l2"}
    assert len(taking_part(Case("loop", {}), able, ())) == len(able)


def test_the_standard_set_is_one_that_people_wait_for() -> None:
    """The measured duration of each suite is written beside it; all together take 22 minutes."""
    suites = [suite for suite in discover_suites().values() if suite.cases(Size.STANDARD, 0)]
    assert sum(suite.minutes[Size.STANDARD] for suite in suites) <= 22
    assert sum(suite.minutes[Size.QUICK] for suite in suites) <= 2.5


def test_every_size_holds_the_one_before_it() -> None:
    """Whoever goes for more loses nothing that the README cites."""
    for suite in discover_suites().values():
        standard, thorough = (
            {c.label for c in suite.cases(size, 0)} for size in (Size.STANDARD, Size.THOROUGH)
        )
        assert standard <= thorough, suite.name


def test_a_case_without_a_subject_that_can_run_here_is_a_usage_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The other subjects of its suite are named, and no server is started for nothing."""
    other = discover_subjects()["airflow2"]
    monkeypatch.setattr(campaign, "_placed", lambda *_: [(other, Path(sys.executable))])
    monkeypatch.setattr(campaign, "start_services", lambda *_, **__: pytest.fail("a server was started"))
    assert main(["run", "loop", "--case", "n_dags=3 n_tasks=1000"]) == 2
    said = capsys.readouterr().err
    assert (
        "it is measured with airflow, plugin, and none of them can run here; --subject adds airflow2" in said
    )
    assert "no case of loop has a subject that can run here" in said

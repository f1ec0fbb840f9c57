"""The report: readable on its own, and nothing in it comes from elsewhere."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from bench.cli import main
from bench.report.finding import finding
from bench.report.markdown import markdown_table
from bench.report.wording import case_text, compared, quantity, suite_of
from bench.results import Results, to_line
from tests.unit.bench.results_of_a_machine import make_results


def test_the_page_holds_its_pictures_and_fetches_nothing(tmp_path: Path) -> None:
    """One file to send to somebody; the same pictures lie beside it for a README."""
    pytest.importorskip("matplotlib")
    from bench.report.page import write_report

    page = write_report([make_results(1)], tmp_path).read_text(encoding="utf-8")
    pictures = sorted(tmp_path.glob("format-*.png"))
    assert pictures
    assert all(picture.read_bytes().startswith(b"\x89PNG") for picture in pictures)
    assert page.count("data:image/png;base64,") == len(pictures)
    assert not re.search(r'(src|href)="(?!data:)', page)
    assert "<script" not in page
    assert (tmp_path / "tables.md").read_text(encoding="utf-8").startswith("One stored DAG")


def test_a_failed_subject_is_shown_and_its_message_is_text(tmp_path: Path) -> None:
    """A missing line in a chart must not look like a subject nobody tried."""
    pytest.importorskip("matplotlib")
    from bench.report.page import write_report

    results = make_results(1)
    results.records[0] = dataclasses.replace(results.records[0], error="Traceback\nValueError: <b>bad</b>")
    page = write_report([results], tmp_path).read_text(encoding="utf-8")
    assert "ours failed in shape=layers n_tasks=100: ValueError: &lt;b&gt;bad&lt;/b&gt;" in page


def test_every_text_of_the_results_is_escaped(tmp_path: Path) -> None:
    """Results may come from another machine, and the page is opened in a browser."""
    pytest.importorskip("matplotlib")
    from bench.report.page import write_report

    results = make_results(1)
    markup = "<b>bad</b>"
    run = results.run
    results.run = dataclasses.replace(
        run, command=markup, planted=markup, revision=markup, machine={**run.machine, "cpu": markup}
    )
    results.records[:] = [
        dataclasses.replace(
            one, subject=markup, parameters={**one.parameters, "dag": markup}, versions={"python": markup}
        )
        for one in results.records
    ]
    page = write_report([results], tmp_path).read_text(encoding="utf-8")
    assert markup not in page
    assert page.count("&lt;b&gt;bad&lt;/b&gt;") > 5


def test_the_page_needs_the_extra_and_the_table_does_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without Jinja2 the command says what to install."""
    path = tmp_path / "format.jsonl"
    results = make_results(1)
    path.write_text("\n".join(map(to_line, (results.run, *results.records))))
    monkeypatch.setattr("bench.cli.find_spec", lambda name: None if name == "jinja2" else object())
    assert main(["report", str(path), "--markdown"]) == 0
    assert main(["report", str(path)]) == 2
    assert "pip install 'sched-cache[bench]'" in capsys.readouterr().err


def of_airflow_and_the_library() -> Results:
    """The two imagined subjects under the names of real ones."""
    results = make_results(1, noise=0.001)
    names = {"rival": "airflow", "ours": "sched_cache"}
    results.records[:] = [dataclasses.replace(one, subject=names[one.subject]) for one in results.records]
    return results


def test_a_chart_s_title_says_what_was_found() -> None:
    """The least and the most of its cases; nothing where one number would not say it."""
    results = of_airflow_and_the_library()
    (chart,) = (one for one in suite_of(results).charts if one.metrics == ("encode",))
    theirs, ours = (
        [record for record in results.records if record.subject == name]
        for name in ("airflow", "sched_cache")
    )
    for record, other in zip(ours, theirs, strict=True):
        less = {100: 2, 1000: 2.5, 10_000: 300}[record.parameters["n_tasks"]]
        record.samples["encode"][:] = [sample / less for sample in other.samples["encode"]]  # type: ignore[index]  # a list
    assert finding(chart, results) == "2 to 300 x less"
    assert finding(dataclasses.replace(chart, where={"n_tasks": 1000}), results) == "2.50 x less"
    assert finding(dataclasses.replace(chart, kind="stack"), results) == ""
    assert finding(chart, make_results(1)) == ""  # of subjects that nobody knows


def test_the_head_of_the_page_says_who_was_measured_and_which_figures_are_old(tmp_path: Path) -> None:
    """So that nobody takes the figures of two commits for one."""
    pytest.importorskip("matplotlib")
    from bench.report.page import write_report

    old, new = of_airflow_and_the_library(), of_airflow_and_the_library()
    old.run = dataclasses.replace(old.run, suite="replay", revision="0123456789ab")
    new.run = dataclasses.replace(new.run, started_at="2026-11-23T10:00:00+00:00", revision="fedcba987654+")
    page = write_report([old, new], tmp_path).read_text(encoding="utf-8")
    assert "<td class=old>0123456 (older code)<td>1.0 to 1.5</tr>" in page
    assert "<td>2026-11-23 10:00<td>fedcba9+<td>1.0 to 1.5</tr>" in page
    assert "<dt>Airflow 3.3, stock<dd>as it is installed" in page


def test_growth_is_in_the_page(tmp_path: Path) -> None:
    """The imagined subjects cost the same per task at every size."""
    pytest.importorskip("matplotlib")
    from bench.report.page import write_report

    page = write_report([make_results(1, noise=0.001)], tmp_path).read_text(encoding="utf-8")
    assert re.search(r"DAG to bytes<td>ours<td>(0\.9[5-9]|1\.0[0-5])", page)


def test_the_table_names_command_machine_and_versions() -> None:
    """A figure without them is a claim nobody can check."""
    table = markdown_table(make_results(1))
    assert "`python -m bench run format`, 2026-11-22, imagined, 2 cores, Linux 6, python 3.11.7" in table
    assert "| shape=layers n_tasks=1000 | DAG to bytes |" in table


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.00012, "seconds", "120 µs"),
        (0.0123, "seconds", "12.3 ms"),
        (2.0, "seconds", "2 s"),
        (652_000, "bytes", "652 kB"),
        (31.25, "bytes", "31.2 B"),
        (21.0, "queries", "21 queries"),
        (0.0, "seconds", "0"),
    ],
)
def test_quantities_have_three_digits_and_a_unit_that_fits(value: float, unit: str, text: str) -> None:
    """Nobody reads 0.00012 s."""
    assert quantity(value, unit) == text


@pytest.mark.parametrize(
    ("theirs", "ours", "text"),
    [
        (512.0, 1.0, "512 x less"),
        (1.0, 1.3, "1.30 x more"),
        (1.0, 0.97, "the same"),
        (3.0, 2.0, "1.50 x less"),
    ],
)
def test_a_comparison_is_in_words(theirs: float, ours: float, text: str) -> None:
    """`0.77 x less` is a riddle."""
    assert compared(theirs, ours) == text


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        (
            {"shape": "layers", "n_dags": 3, "n_tasks": 1000, "finished_percent": 0},
            "3 DAGs x 1,000 tasks, none finished, layers",
        ),
        ({"n_dags": 1, "n_tasks": 5000, "finished_percent": 95}, "1 DAG x 5,000 tasks, 95 % finished"),
        ({"n_tasks": 1000, "n_dags": 500, "n_small_tasks": 200}, "500 DAGs x 200 tasks, one x 1,000"),
        ({"dag": "all_7", "n_tasks": 12}, "12 tasks, dag=all_7"),
    ],
)
def test_a_case_is_said_in_words(parameters: dict[str, object], text: str) -> None:
    """Nobody reads `n_dags=3 finished_percent=0`."""
    assert case_text(parameters) == text

"""The input, the files and the messages of `make releases`. No package is downloaded here."""

from __future__ import annotations

from pathlib import Path

import pytest

from sched_cache_airflow.patching.code_table import CodeTable, file_of
from sched_cache_airflow.releases import AIRFLOW_2, AIRFLOW_3, RELEASES, Host
from tools.releases import __main__ as command
from tools.releases import packages, readme
from tools.releases.packages import Sources, order_of, releases_of, sources_in
from tools.releases.worklist import work_list

DECISIONS = (
    "airflow.models.dagrun:DagRun.update_state",
    "airflow.models.dagrun:DagRun._ready",
    "airflow.state:",
)
PARTS = {"decisions": DECISIONS, "creation": ("airflow.models.ti:TaskInstance.insert_mapping",)}
DAGRUN = """\
class DagRun:
    def update_state(self):
        # All of them.
        return self.tis

    def _ready(self):
        return [ti for ti in self.tis if ti.ready]
"""
TASK_INSTANCE = "class TaskInstance:\n    def insert_mapping(self):\n        return {}\n"


def release(folder: Path, dagrun: str = DAGRUN, ti: str = TASK_INSTANCE, version: str = "3.3.9") -> Sources:
    for name, text in {
        "__init__": f'__version__ = "{version}"\n',
        "models/__init__": "",
        "models/dagrun": dagrun,
        "models/ti": ti,
        "state": "RUNNING = 'running'\n",
    }.items():
        path = folder / "airflow" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return sources_in(folder)


@pytest.fixture
def tested(tmp_path: Path) -> Sources:
    return release(tmp_path / "tested")


def listed(tested: Sources, new: Sources) -> list[str]:
    sources = {"3.3.2": tested, "3.3.3": new}
    table = command.table_of(PARTS, sources)
    return list(work_list(table, PARTS, "3.3.3", ["3.3.2"], sources))


def test_a_release_with_other_comments_and_docstrings_is_no_work(tested: Sources, tmp_path: Path) -> None:
    new = release(
        tmp_path / "new",
        DAGRUN.replace("# All of them.", "# Every one.").replace(
            "(self):\n", '(self):\n        """About it."""\n\n'
        ),
    )
    assert listed(tested, new) == ["3.3.3: every pinned function is that of 3.3.2; it is served as it is"]


def test_a_changed_function_is_named_and_its_part_is_off(tested: Sources, tmp_path: Path) -> None:
    new = release(tmp_path / "new", DAGRUN.replace("return self.tis", "return list(self.tis)"))
    assert listed(tested, new) == [
        "3.3.3: 1 of 4 pinned functions differ from 3.3.2",
        "  decisions: off",
        "         2 lines  airflow.models.dagrun:DagRun.update_state",
        "               =  airflow.models.dagrun:DagRun._ready",
        "               =  airflow.state:",
        "  creation: on",
        "               =  airflow.models.ti:TaskInstance.insert_mapping",
    ]


def test_a_function_that_is_gone_is_absent(tested: Sources, tmp_path: Path) -> None:
    new = release(tmp_path / "new", ti="class TaskInstance:\n    pass\n")
    assert "          absent  airflow.models.ti:TaskInstance.insert_mapping" in listed(tested, new)
    assert "             new  airflow.models.ti:TaskInstance.insert_mapping" in listed(new, tested)


def test_releases_are_in_order_and_post_releases_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    said = "airflow (3.3.0)\nAvailable versions: 3.10.0, 3.3.0, 3.3.0rc2, 3.3.0rc1.post1, 3.3.0b1\n  INSTALLED: 3.3.0\n"
    monkeypatch.setattr(packages, "_pip", lambda *arguments: said)
    assert releases_of("airflow") == ["3.3.0b1", "3.3.0rc2", "3.3.0", "3.10.0"]
    assert order_of("3.3.0b2") < order_of("3.3.0rc1") < order_of("3.3.0") < order_of("3.3.1b1")


def test_a_folder_of_an_unknown_major_release_is_refused(tmp_path: Path) -> None:
    release(tmp_path, version="4.0.0")
    with pytest.raises(SystemExit, match="holds no release of Airflow"):
        command.main(["--source", str(tmp_path)])


@pytest.mark.parametrize("host", [AIRFLOW_2, AIRFLOW_3], ids=lambda host: host.name)
def test_the_written_table_has_every_function_and_every_tested_release(host: Host) -> None:
    """A function that is pinned anew, or a release that is named as tested, needs `make releases`."""
    table = CodeTable.read(file_of(host))
    assert set(table.code) == {path for paths in host.pinned.parts().values() for path in paths}
    assert set(host.tested) <= set(table.releases)


def test_readme_has_the_table_of_releases() -> None:
    """After a change of `releases.py`: `make releases`."""
    text = readme.README.read_text(encoding="utf-8")
    assert readme.text_with_table(text) == text


def test_each_tested_release_belongs_to_its_row() -> None:
    for release in RELEASES:
        assert all(name.startswith(release.prefix) for name in release.tested)
        assert list(release.tested) == sorted(release.tested, key=order_of)

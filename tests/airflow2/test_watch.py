"""`sched-cache watch` with real files and the tables of Airflow 2.11."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest
from airflow.dag_processing.manager import DagFileProcessorManager
from airflow.models.dagbag import DagPriorityParsingRequest
from airflow.utils.session import create_session
from sqlalchemy import delete

from sched_cache_airflow.watch import ChangedFile, file_events, host_here
from tests.support.watching import wait_until, watching

_DAG = "from airflow import DAG\n# {}\n"


@pytest.fixture
def dags(airflow_db: None) -> Iterator[Path]:
    """The host's DAG folder, empty, and no requests."""
    folder = Path(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
    with create_session() as session:
        session.execute(delete(DagPriorityParsingRequest))
    yield folder
    for path in folder.iterdir():
        path.unlink()


def requested() -> set[str]:
    with create_session() as session:
        return {row.fileloc for row in session.query(DagPriorityParsingRequest)}


def has_changed(events: Iterator[bool], within_seconds: float = 10.0) -> bool:
    end = monotonic() + within_seconds
    while monotonic() < end:
        if next(events):
            return True
    return False


def test_a_saved_file_is_told_soon(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    events = file_events([str(tmp_path)], 0.05)
    assert next(events) is False
    for name in ("a.py", "below/b.py"):
        (tmp_path / name).write_text("x")
        assert has_changed(events)
    (tmp_path / "draft").write_text("y")
    (tmp_path / "draft").rename(tmp_path / "a.py")
    assert has_changed(events)


def test_what_programs_leave_beside_is_not_told(tmp_path: Path) -> None:
    (tmp_path / "__pycache__").mkdir()
    events = file_events([str(tmp_path)], 0.05)
    next(events)
    for name in ("__pycache__/a.cpython-311.pyc", "a.py.swp", "a.py~"):
        (tmp_path / name).write_text("x")
    assert not has_changed(events, within_seconds=1.5)


def test_the_processor_takes_what_was_asked_for(dags: Path) -> None:
    """Once, however often it was asked, under the name that it knows the file by."""
    host = host_here()
    assert host is not None
    [folder] = host.folders()
    assert folder == (None, str(dags))
    files = [ChangedFile(None, folder.path, name) for name in ("a.py", "b.py")]
    for _ in range(2):
        host.ask(files)
    assert sorted(DagFileProcessorManager._get_priority_filelocs()) == [
        str(dags / "a.py"),
        str(dags / "b.py"),
    ]
    assert requested() == set()
    host.ask(files[:1])
    assert DagFileProcessorManager._get_priority_filelocs() == [str(dags / "a.py")]


def test_ignored_files_and_helpers_are_the_hosts_choice(dags: Path) -> None:
    host = host_here()
    assert host is not None
    (dags / ".airflowignore").write_text("ignored")
    for name in ("a.py", "ignored.py", "readme.txt"):
        (dags / name).write_text(_DAG)
    (dags / "helper.py").write_text("def helper(): ...")
    listed = {Path(path).name for path in host.listing(str(dags))}
    assert listed == {"a.py", "helper.py"}
    assert [name for name in sorted(listed) if host.may_have_dags(str(dags / name))] == ["a.py"]
    assert not host.may_have_dags(str(dags / "gone.py"))


def test_saved_files_are_asked_for_and_restarts_lose_none(dags: Path, tmp_path: Path) -> None:
    (dags / "a.py").write_text(_DAG.format(1))
    log, state = tmp_path / "log", tmp_path / "state.json"
    options = ("--state", str(state), "--repeat-seconds", "0.3")
    with watching(log, os.environ, *options) as watch:
        watch.wait_for("1 DAG files")
        assert requested() == set()
        (dags / "a.py").write_text(_DAG.format(2))
        wait_until(lambda: requested() == {str(dags / "a.py")}, "a.py")
        DagFileProcessorManager._get_priority_filelocs()
        wait_until(lambda: requested() == {str(dags / "a.py")}, "a.py again")
        DagFileProcessorManager._get_priority_filelocs()
        (dags / "new.py").write_text(_DAG)
        wait_until(lambda: requested() == {str(dags / "new.py")}, "new.py")
        wait_until(lambda: "new.py" in state.read_text(), "the state")
    DagFileProcessorManager._get_priority_filelocs()
    (dags / "a.py").write_text(_DAG.format(3))
    with watching(log, os.environ, *options) as watch:
        wait_until(lambda: requested() == {str(dags / "a.py")}, "what changed meanwhile")


def test_without_events_files_are_compared(dags: Path, tmp_path: Path) -> None:
    """As on a network file system."""
    (dags / "a.py").write_text(_DAG.format(1))
    options = ("--no-events", "--scan-seconds", "0.2", "--state", "none")
    with watching(tmp_path / "log", os.environ, *options):
        (dags / "a.py").write_text(_DAG.format(2))
        wait_until(lambda: requested() == {str(dags / "a.py")}, "a.py")


def test_a_swapped_symlink_is_noticed(dags: Path, tmp_path: Path) -> None:
    """Only the file whose content is another one in the new worktree is asked for."""
    for commit, text in (("one", "old"), ("two", "new")):
        (tmp_path / commit).mkdir()
        (tmp_path / commit / "same.py").write_text(_DAG.format("same"))
        (tmp_path / commit / "other.py").write_text(_DAG.format(text))
    link = tmp_path / "current"
    link.symlink_to("one")
    environment = {**os.environ, "AIRFLOW__CORE__DAGS_FOLDER": str(link)}
    # The scan is far away: it must be the swap that is noticed, and events must work after it.
    options = ("--scan-seconds", "600", "--state", "none", "--repeat-seconds", "600")
    with watching(tmp_path / "log", environment, *options):
        (tmp_path / "draft").symlink_to("two")
        (tmp_path / "draft").rename(link)
        wait_until(lambda: requested() == {str(link / "other.py")}, "other.py")
        DagFileProcessorManager._get_priority_filelocs()
        (tmp_path / "two" / "same.py").write_text(_DAG.format("no more"))
        wait_until(lambda: requested() == {str(link / "same.py")}, "same.py")


def test_a_folder_that_comes_later_is_watched(dags: Path, tmp_path: Path) -> None:
    folder = tmp_path / "dags"
    environment = {**os.environ, "AIRFLOW__CORE__DAGS_FOLDER": str(folder)}
    options = ("--scan-seconds", "600", "--state", "none", "--repeat-seconds", "600")
    with watching(tmp_path / "log", environment, *options):
        folder.mkdir()
        (folder / "a.py").write_text(_DAG)
        wait_until(lambda: requested() == {str(folder / "a.py")}, "a.py")


def test_once_ends_after_asking(dags: Path, tmp_path: Path) -> None:
    """For the hook of a deployment."""
    command = "import sys; from sched_cache.cli import main; sys.exit(main(sys.argv[1:]))"
    once = [sys.executable, "-c", command, "watch", "--once", "--state", str(tmp_path / "state.json")]
    (dags / "a.py").write_text(_DAG.format(1))
    subprocess.run(once, check=True, timeout=600)
    assert requested() == set()
    (dags / "a.py").write_text(_DAG.format(2))
    subprocess.run(once, check=True, timeout=600)
    assert requested() == {str(dags / "a.py")}
    DagFileProcessorManager._get_priority_filelocs()
    subprocess.run(once, check=True, timeout=600)
    assert requested() == set()

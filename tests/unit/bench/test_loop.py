"""Parts of the loop suite that need no Airflow: copies of databases, states of tasks, phases of a loop."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from bench.loop.metadata_db import SqliteFiles
from bench.loop.phases import GARBAGE, Phases
from bench.loop.session import _Loop, _samples
from bench.loop.workload import make_documents, topological


class Clock:
    """Time passes only when told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_phase_has_the_seconds_that_no_phase_inside_it_has() -> None:
    """So the phases of a loop add up to the loop."""
    clock = Clock()
    phases = Phases(clock)

    def takes(seconds: float) -> None:
        clock.now += seconds

    inner = phases.timed("dependencies", takes)

    def outer_work() -> None:
        takes(1)
        inner(2)
        inner(4)
        takes(8)

    phases.timed("update_state", outer_work)()
    assert phases.seconds["dependencies"] == 6
    assert phases.seconds["update_state"] == 9
    assert sum(phases.seconds.values()) == clock.now


def test_a_phase_that_raises_is_counted_too() -> None:
    """The next call starts with clean books."""
    clock = Clock()
    phases = Phases(clock)

    def fails() -> None:
        clock.now += 3
        raise KeyError

    with pytest.raises(KeyError):
        phases.timed("commit", fails)()
    assert phases.seconds["commit"] == 3
    phases.timed("commit", lambda: None)()
    assert phases.seconds["commit"] == 3


def test_a_garbage_collection_belongs_to_no_phase() -> None:
    """It strikes whoever allocates when it is due."""
    clock = Clock()
    phases = Phases(clock)

    def work() -> None:
        clock.now += 1
        phases.collecting("start")
        clock.now += 10
        phases.collecting("stop")
        clock.now += 1

    phases.timed("fetch_tis", work)()
    assert phases.seconds["fetch_tis"] == 2
    assert phases.seconds[GARBAGE] == 10


def test_of_several_loops_the_middle_half_counts_and_its_parts_add_up() -> None:
    """One that a neighbour has disturbed changes nothing, nor does a quick one."""

    def loop(seconds: float) -> _Loop:
        return _Loop(seconds, seconds / 2, {GARBAGE: 0.1 * seconds, "commit": 0.4 * seconds}, 0.0, 16)

    samples = _samples("steady", [loop(seconds) for seconds in (9.0, 2.0, 4.0, 0.1)])
    assert samples["steady_seconds"] == 3.0
    assert samples["steady_queries"] == 16
    assert samples["steady_cpu"] == 1.5
    assert samples["steady_work"] == pytest.approx(2.7)
    assert samples["steady_garbage"] + samples["steady_commit"] + samples["steady_other"] == pytest.approx(
        3.0
    )


def test_tasks_come_after_their_upstreams() -> None:
    """The set of finished tasks always contains all their upstreams."""
    (document,) = make_documents("mixed", 1, 80, seed=1, folder="/dags")
    order, upstream = topological(document)
    assert sorted(order) == sorted(upstream)
    seen: set[str] = set()
    for task_id in order:
        assert upstream[task_id] <= seen
        seen.add(task_id)


def test_dags_of_a_case_have_names_of_their_own() -> None:
    """And one file that they all claim to come from."""
    documents = make_documents("layers", 3, 10, seed=1, folder="/dags")
    assert [document["dag"]["dag_id"] for document in documents] == ["dag_0", "dag_1", "dag_2"]
    assert {document["dag"]["fileloc"] for document in documents} == {"/dags/generated.py"}


def test_a_restored_file_has_nothing_of_the_one_before(tmp_path: Path) -> None:
    """Not even what still lay in a write-ahead log."""
    files = SqliteFiles(tmp_path)
    template = sqlite3.connect(tmp_path / "template.db")
    template.execute("CREATE TABLE t (x)")
    template.commit()
    template.close()
    assert files.exists("template")
    files.copy("template", "work")
    dirty = sqlite3.connect(tmp_path / "work.db")
    dirty.execute("PRAGMA journal_mode = WAL")
    dirty.execute("INSERT INTO t VALUES (1)")
    dirty.commit()
    (tmp_path / "work.db-wal.kept").write_bytes((tmp_path / "work.db-wal").read_bytes())
    dirty.close()
    (tmp_path / "work.db-wal.kept").rename(tmp_path / "work.db-wal")
    files.copy("template", "work")
    restored = sqlite3.connect(tmp_path / "work.db")
    assert restored.execute("SELECT count(*) FROM t").fetchone() == (0,)
    restored.close()

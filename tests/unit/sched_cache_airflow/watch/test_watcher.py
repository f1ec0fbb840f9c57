"""The requests of a watcher, their times, and the state for the next watcher."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from sched_cache_airflow.watch import AskFailedError, ChangedFile, Folder, StateFile, Watcher
from tests.support.clock import ManualClock
from tests.unit.sched_cache_airflow.watch.test_folder import python_files


class FakeHost:
    """Notes what it is asked for; refuses while it is down."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.is_down = False

    def ask(self, files: Sequence[ChangedFile]) -> None:
        if self.is_down:
            raise AskFailedError("no answer")
        self.asked.append(sorted(file.relative for file in files))

    def may_have_dags(self, path: str) -> bool:
        return "dag" in Path(path).read_text()

    def take(self) -> list[list[str]]:
        asked, self.asked = self.asked, []
        return asked


class World:
    """A folder with two files, a host, and one watcher after the other."""

    def __init__(self, path: Path) -> None:
        self.root = path / "dags"
        self.root.mkdir()
        self.host = FakeHost()
        self.clock = ManualClock()
        self.said: list[str] = []
        self.state_path = path / "state.json"
        self.save("a.py", "dag 1")
        self.save("b.py", "dag 1")
        self.watcher = self.start()

    def start(self, repeat_after_seconds: Sequence[float] = (3, 33)) -> Watcher:
        self.watcher = Watcher(
            [Folder("bundle", str(self.root), "", python_files)],
            self.host,
            StateFile(self.state_path),
            repeat_after_seconds=repeat_after_seconds,
            clock=self.clock,
            report=self.said.append,
        )
        self.watcher.start()
        return self.watcher

    def save(self, name: str, text: str) -> None:
        (self.root / name).write_text(text)

    def pass_time(self, seconds: float) -> None:
        self.clock.now += seconds
        self.watcher.tick()


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    world.pass_time(0)
    assert world.host.take() == []
    return world


def test_a_changed_file_is_asked_for_at_once_and_again(world: World) -> None:
    world.save("a.py", "dag 2")
    world.watcher.look()
    assert world.host.take() == [["a.py"]]
    world.pass_time(2.9)
    assert world.host.take() == []
    world.pass_time(0.2)
    assert world.host.take() == [["a.py"]]
    world.pass_time(30)
    assert world.host.take() == [["a.py"]]
    world.pass_time(1000)
    assert world.host.take() == []


def test_a_change_starts_the_repetitions_anew(world: World) -> None:
    world.save("a.py", "dag 2")
    world.watcher.look()
    world.pass_time(2)
    world.save("a.py", "dag 33")
    world.watcher.look()
    world.host.take()
    world.pass_time(2)
    assert world.host.take() == []
    world.pass_time(1)
    assert world.host.take() == [["a.py"]]


def test_repetitions_that_were_slept_through_are_one(world: World) -> None:
    world.save("a.py", "dag 2")
    world.watcher.look()
    world.host.take()
    world.pass_time(1000)
    assert world.host.take() == [["a.py"]]
    world.pass_time(1000)
    assert world.host.take() == []


def test_a_file_without_dags_is_not_asked_for(world: World) -> None:
    """The processor would not read it, and parse nothing."""
    world.save("a.py", "helper")
    world.watcher.look()
    world.pass_time(100)
    assert world.host.take() == []


def test_the_first_start_asks_for_nothing(tmp_path: Path) -> None:
    """Airflow parses what was there before in its own time."""
    world = World(tmp_path)
    world.pass_time(100)
    assert world.host.take() == []
    assert world.said == ["2 DAG files"]


def test_what_changed_while_nobody_watched_is_asked_for(world: World) -> None:
    world.save("b.py", "dag 2")
    world.save("c.py", "dag 1")
    world.start()
    assert world.host.take() == [["b.py", "c.py"]]
    assert world.said[-2:] == ["3 DAG files, 2 changed since the last time", "asked for b.py, c.py"]


def test_what_was_asked_for_but_not_repeated_is_asked_for_by_the_next(world: World) -> None:
    """The first request may have been dropped."""
    world.save("a.py", "dag 2")
    world.watcher.look()
    world.pass_time(5)
    world.host.take()
    world.start()
    assert world.host.take() == [["a.py"]]
    world.pass_time(50)
    world.host.take()
    world.start()
    world.pass_time(0)
    assert world.host.take() == []


@pytest.mark.parametrize(
    "text", ["", "[]", '{"version": 2, "folders": {}}', '{"version": 1, "folders": {"/": 3}}']
)
def test_a_state_that_is_not_understood_is_none(world: World, text: str) -> None:
    world.state_path.write_text(text)
    world.save("a.py", "dag 2")
    world.start()
    world.pass_time(100)
    assert world.host.take() == []


def test_a_database_that_is_down_loses_no_change(world: World) -> None:
    world.host.is_down = True
    world.save("a.py", "dag 2")
    world.watcher.look()
    world.pass_time(0.1)
    world.pass_time(5)
    world.save("b.py", "dag 2")
    world.watcher.look()
    assert not world.watcher.is_done
    world.host.is_down = False
    world.pass_time(1.1)
    assert world.host.take() == [["a.py", "b.py"]]
    assert world.watcher.is_done
    failed = "the metadata database did not answer, trying again: no answer"
    assert world.said[1:] == [failed, "the metadata database answers again", "asked for a.py, b.py"]


def test_a_repetition_that_failed_is_made_up_for(world: World) -> None:
    world.save("a.py", "dag 2")
    world.watcher.look()
    world.host.take()
    world.host.is_down = True
    world.pass_time(40)
    world.host.is_down = False
    world.pass_time(1.1)
    assert world.host.take() == [["a.py"]]


def test_nothing_that_was_not_asked_for_is_kept_as_known(world: World) -> None:
    """1. a change is asked for, 2. the file changes again while the database is down, 3. the watcher ends."""
    world.save("a.py", "dag 2")
    world.watcher.look()
    world.host.take()
    world.host.is_down = True
    world.save("a.py", "dag 33")
    world.watcher.look()
    world.pass_time(100)
    world.host.is_down = False
    world.start()
    assert world.host.take() == [["a.py"]]


def test_many_files_are_one_line(world: World) -> None:
    for number in range(9):
        world.save(f"n{number}.py", "dag")
    world.watcher.look()
    assert len(world.host.take()) == 1
    assert world.said[-1] == "asked for n0.py, n1.py, n2.py, n3.py, n4.py and 4 more"


def test_one_that_ends_at_once_keeps_what_it_asked_for(world: World) -> None:
    """`--once` repeats nothing."""
    world.save("a.py", "dag 2")
    world.start(repeat_after_seconds=())
    world.pass_time(0)
    assert world.host.take() == [["a.py"]]
    world.start(repeat_after_seconds=())
    assert world.host.take() == []

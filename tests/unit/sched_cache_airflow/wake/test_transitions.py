"""Commits after which something may be schedulable are noticed, others are not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Column, Integer, String, create_engine, delete, null, select, text, update
from sqlalchemy.orm import Session, declarative_base

from sched_cache_airflow.wake.transitions import Transitions

Base: Any = declarative_base()


class TaskInstance(Base):
    """As in the host, in the part that matters."""

    __tablename__ = "task_instance"
    id = Column(Integer, primary_key=True)
    state = Column(String(20))
    last_heartbeat_at = Column(Integer)


class DagRun(Base):
    __tablename__ = "dag_run"
    id = Column(Integer, primary_key=True)
    _state = Column("state", String(50))
    note = Column(String(50))


class Other(Base):
    __tablename__ = "other"
    id = Column(Integer, primary_key=True)
    state = Column(String(20))


class Process:
    def __init__(self, session: Session) -> None:
        self.session = session
        self.n_told = 0
        self.is_scheduler = False
        self.errors: list[Exception] = []
        self.transitions = Transitions(
            self._tell, lambda: self.is_scheduler, lambda reason, error: self.errors.append(error)
        )

    def _tell(self) -> None:
        self.n_told += 1

    def tells(self, write: Callable[[Session], object]) -> bool:
        before = self.n_told
        write(self.session)
        assert self.n_told == before, "told before the commit"
        self.session.commit()
        assert self.errors == []
        return self.n_told > before


@pytest.fixture
def process() -> Iterator[Process]:
    engine = create_engine("sqlite://", future=True)
    Base.metadata.create_all(engine)
    with Session(engine, future=True) as session:
        session.add_all([TaskInstance(id=1, state="running"), DagRun(id=1, _state="running"), Other(id=1)])
        session.commit()
        process = Process(session)
        process.transitions.start()
        yield process
        process.transitions.stop()
    engine.dispose()


LOUD = ("success", "failed", "skipped", "upstream_failed", "removed", None, "scheduled", "no such state")
QUIET = ("queued", "restarting", "deferred", "up_for_retry", "up_for_reschedule")


def flushed(state: str | None) -> Callable[[Session], object]:
    def write(session: Session) -> None:
        row = session.get(TaskInstance, 1)
        row.state = state
        session.flush()

    return write


def stated(state: str | None) -> Callable[[Session], object]:
    statement = update(TaskInstance).where(TaskInstance.id == 1).values(state=state)
    return lambda session: session.execute(statement)


@pytest.mark.parametrize("write", [flushed, stated])
@pytest.mark.parametrize("state", LOUD)
def test_an_end_a_clear_and_a_fired_trigger_are_told(
    process: Process, write: Callable[[Any], Callable[[Session], object]], state: str | None
) -> None:
    assert process.tells(write(state))


@pytest.mark.parametrize("write", [flushed, stated])
@pytest.mark.parametrize("state", [*QUIET, "running"])
def test_other_states_are_not_told(
    process: Process, write: Callable[[Any], Callable[[Session], object]], state: str
) -> None:
    assert not process.tells(write(state))


@pytest.mark.parametrize("write", [flushed, stated])
def test_a_scheduler_does_not_tell_of_what_it_queues(
    process: Process, write: Callable[[Any], Callable[[Session], object]]
) -> None:
    process.is_scheduler = True
    assert not process.tells(write("scheduled"))
    assert process.tells(write("failed"))


def test_heartbeats_are_not_told(process: Process) -> None:
    assert not process.tells(
        lambda session: session.execute(
            update(TaskInstance).where(TaskInstance.id == 1).values(last_heartbeat_at=7)
        )
    )

    def beat(session: Session) -> None:
        session.get(TaskInstance, 1).last_heartbeat_at = 8

    assert not process.tells(beat)


def test_an_equal_state_is_no_transition(process: Process) -> None:
    process.tells(flushed("success"))

    def again(session: Session) -> None:
        row = session.get(TaskInstance, 1)
        row.state = "failed"
        row.state = "success"

    assert not process.tells(again)


def test_a_state_that_cannot_be_read_is_told(process: Process) -> None:
    assert process.tells(
        lambda session: session.execute(
            update(TaskInstance).values(state=select(Other.state).scalar_subquery())
        )
    )
    assert process.tells(lambda session: session.execute(update(TaskInstance).values(state=null())))
    assert process.tells(
        lambda session: session.execute(update(TaskInstance), [{"id": 1, "state": "success"}])
    )


def test_a_new_run_is_told(process: Process) -> None:
    assert process.tells(lambda session: session.add(DagRun(id=2, _state="queued")))


def test_a_run_that_is_set_to_queued_again_is_told(process: Process) -> None:
    def clear(session: Session) -> None:
        session.get(DagRun, 1)._state = "queued"

    assert process.tells(clear)


def test_a_note_on_a_run_or_its_end_is_not_told(process: Process) -> None:
    def note(session: Session) -> None:
        session.get(DagRun, 1).note = "text"

    def end(session: Session) -> None:
        session.get(DagRun, 1)._state = "success"

    assert not process.tells(note)
    assert not process.tells(end)


def test_other_tables_and_other_statements_are_not_told(process: Process) -> None:
    assert not process.tells(lambda session: session.execute(update(Other).values(state="success")))
    assert not process.tells(lambda session: session.execute(select(TaskInstance)))
    assert not process.tells(lambda session: session.execute(delete(Other)))
    assert not process.tells(lambda session: session.execute(text("UPDATE other SET state = 'success'")))


def test_a_rollback_is_not_told(process: Process) -> None:
    stated("success")(process.session)
    process.session.rollback()
    assert not process.tells(lambda session: None)


def test_the_commit_of_a_savepoint_is_not_told_and_that_of_the_whole_is(process: Process) -> None:
    def write(session: Session) -> None:
        with session.begin_nested():
            flushed("success")(session)

    assert process.tells(write)


def test_an_error_of_ours_leaves_the_write(process: Process) -> None:
    def fail() -> None:
        raise RuntimeError("ours")

    process.transitions._tell = fail
    stated("success")(process.session)
    process.session.commit()
    assert process.session.get(TaskInstance, 1).state == "success"
    assert [str(error) for error in process.errors] == ["ours"]


def test_after_the_end_nothing_is_told(process: Process) -> None:
    process.transitions.stop()
    assert not process.tells(stated("success"))

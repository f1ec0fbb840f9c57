"""The history of states from the creation of runs to their end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from airflow import settings
from airflow.models import DagRun, TaskInstance
from airflow.utils.session import create_session
from sqlalchemy import select
from sqlalchemy.orm import Session

_STILL_LOOPS = 6

Interfere = Callable[[int], None]
Rows = frozenset[tuple[Any, ...]]


@dataclass(slots=True)
class History:
    """The part of a play that must not depend on the scheduler.

    states: after each loop, and after what followed it, the rows of runs and of task instances.
    """

    states: list[Rows] = field(default_factory=list)
    executed: list[Any] = field(default_factory=list)
    callbacks: list[Any] = field(default_factory=list)

    @property
    def last(self) -> Rows:
        return self.states[-1]


def play_to_end(
    scheduler: Any, executor: Any, *, max_loops: int = 150, interfere: Interfere = lambda number: None
) -> History:
    """Loops until all runs have ended, or nothing moves any more."""
    history = History()
    n_still = 0
    for number in range(max_loops):
        interfere(number)
        scheduler.loop()
        history.states.append(rows())
        work_between_loops(scheduler, executor)
        history.states.append(rows())
        n_still = n_still + 1 if history.states[-3:-2] == [history.last] else 0
        if n_still == _STILL_LOOPS:
            break
    history.executed, history.callbacks = executor.executed, sorted(executor.callbacks, key=repr)
    return history


def work_between_loops(scheduler: Any, executor: Any) -> None:
    """Tasks begin and end, and the scheduler hears of those that were lost."""
    executor.work()
    with create_session() as session:
        scheduler.runner._process_executor_events(executor=executor, session=session)


def rows() -> Rows:
    """The states of all runs and task instances."""
    ti, run = TaskInstance, DagRun
    with Session(settings.engine) as session:
        tis = session.execute(
            select(ti.dag_id, ti.run_id, ti.task_id, ti.map_index, ti.state, ti.try_number, ti.max_tries)
        )
        runs = session.execute(select(run.dag_id, run.run_id, run._state, run.clear_number))
        return frozenset([*map(tuple, tis), *map(tuple, runs)])


def assert_same_history(ours: History, stock: History) -> None:
    """The first loop that differs, and in what."""
    for number, (our_rows, stock_rows) in enumerate(zip(ours.states, stock.states, strict=False)):
        when = f"{'after the work of' if number % 2 else 'after'} loop {number // 2}"
        assert our_rows == stock_rows, (
            f"{when}: only ours {sorted(our_rows - stock_rows, key=repr)[:5]}, "
            f"only stock's {sorted(stock_rows - our_rows, key=repr)[:5]}"
        )
    assert len(ours.states) == len(stock.states)
    assert ours.executed == stock.executed
    assert ours.callbacks == stock.callbacks

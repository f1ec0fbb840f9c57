"""Runs from their creation to their end, and the history of states on the way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from airflow.models import DagRun, TaskInstance
from airflow.utils.session import create_session
from sqlalchemy import select

from tests.airflow3.support.random_dags import START
from tests.airflow3.support.scheduler import Scheduler
from tests.airflow3.support.scripted_executor import Script, ScriptedExecutor
from tests.airflow3.support.stored_dags import create_run, make_room, store

_STILL_LOOPS = 6

Interfere = Callable[[int], None]
Rows = frozenset[tuple[Any, ...]]


@dataclass(slots=True)
class History:
    """Everything of a play that has to be the same whoever schedules.

    states: after each loop, and after what followed it, the rows of runs and of task instances.
    """

    states: list[Rows] = field(default_factory=list)
    executed: list[Any] = field(default_factory=list)
    callbacks: list[Any] = field(default_factory=list)

    @property
    def last(self) -> Rows:
        return self.states[-1]


def play(
    documents: Sequence[Any],
    script: Script,
    *,
    n_runs: int = 2,
    max_loops: int = 150,
    interfere: Interfere = lambda number: None,
) -> History:
    """Stores the DAGs, creates the runs and loops until all have ended, or nothing moves any more."""
    executor = ScriptedExecutor(script)
    scheduler = scheduler_with(executor)
    create_runs(documents, n_runs)
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


def create_runs(documents: Sequence[Any], n_runs: int) -> None:
    """Stores the DAGs and queues the first runs of each."""
    store(documents)
    make_room()
    for document in documents:
        for number in range(n_runs):
            create_run(document["dag"]["dag_id"], START + timedelta(days=number))


def work_between_loops(scheduler: Scheduler, executor: ScriptedExecutor) -> None:
    """Tasks begin and end, and the scheduler hears of those that were lost."""
    executor.work()
    with create_session() as session:
        scheduler.runner._process_executor_events(executor=executor, session=session)


def scheduler_with(executor: ScriptedExecutor) -> Scheduler:
    """One that queues whatever is ready: what gets the last slot would hang on the order of rows.

    And one that sees an edit in its next loop: on stock it may take 30 s, which `test_content_races` is about.
    """
    scheduler = Scheduler(executor)
    scheduler.dag_bag._revalidation_interval = 0
    scheduler.runner.job.max_tis_per_query = 0
    scheduler.runner._parallelism = 1_000_000
    return scheduler


def rows() -> Rows:
    """The states of all runs and task instances."""
    ti, run = TaskInstance, DagRun
    with create_session(scoped=False) as session:
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

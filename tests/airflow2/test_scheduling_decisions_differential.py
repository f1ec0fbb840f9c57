"""A loop of the plugin decides exactly as one of stock Airflow 2.11 does, from the same database.

`SCHED_CACHE_DECISIONS_LOOPS` sets how many loops are compared, `SCHED_CACHE_DECISIONS_SEED` the first seed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

import pytest
from airflow import settings
from airflow.models import DagRun
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from sched_cache_airflow.hosts.installed import host_process, runtime
from tests.airflow2.support.decided_runs import DecidedDag, all_rows
from tests.airflow2.support.scheduler import IdleExecutor, Scheduler
from tests.airflow2.support.side_effects import described, side_effects
from tests.airflow2.support.sorted_rows import sorted_rows
from tests.airflow2.support.subject import plugin
from tests.hosts.metadata_db import MetadataDb
from tests.support.scheduling.decided_dag import differences

N_LOOPS = int(os.environ.get("SCHED_CACHE_DECISIONS_LOOPS", "200"))
FIRST_SEED = int(os.environ.get("SCHED_CACHE_DECISIONS_SEED", "1"))
LOOPS_A_TEST = 100
LOOPS_A_CASE = 8


@contextmanager
def as_stock() -> Iterator[None]:
    """The host's own functions in their places, while the plugin keeps its state."""
    ours = [
        (replaced.owner, replaced.name, vars(replaced.owner)[replaced.name])
        for replaced in host_process().replacements
    ]
    for replaced in reversed(list(host_process().replacements)):
        replaced.restore()
    try:
        yield
    finally:
        for owner, name, member in ours:
            setattr(owner, name, member)


class Pair:
    """One scheduler on stock Airflow and one with the plugin, in this process, without executor slots."""

    def __init__(self) -> None:
        with as_stock():
            self.stock = Scheduler(IdleExecutor(slots=0))  # scheduled is as far as this test goes
        self.plugin = Scheduler(IdleExecutor(slots=0))

    def loop(self, scheduler: Scheduler, session: Session) -> tuple[Any, list[Any], list[Any]]:
        """One loop; (all rows after it, callbacks, side effects)."""
        scheduler.executor.callbacks.clear()
        with side_effects() as seen:
            scheduler.runner._do_scheduling(session)
        session.flush()
        session.expunge_all()
        return all_rows(session), [described(request) for request in scheduler.executor.callbacks], seen

    def forget(self) -> None:
        """Has stock read the DAGs again: how old it lets them be is a matter of the bag, with tests of its own."""
        for kept in ("dags", "dags_hash", "dags_last_fetched"):
            getattr(self.stock.runner.dagbag, kept).clear()


@pytest.fixture
def pair(airflow_db: MetadataDb, quiet_host: None) -> Iterator[Pair]:
    with plugin(), sorted_rows():
        yield Pair()


class UndoneSession(Session):
    """A session like the host's, in a transaction that nobody commits."""

    def commit(self) -> None:
        self.flush()

    def rollback(self) -> None:
        raise AssertionError("the host gives up what it did")


@contextmanager
def undone() -> Iterator[Session]:
    """A session whose work is gone in the end."""
    session = UndoneSession(settings.engine, autoflush=False, expire_on_commit=False)
    try:
        yield session
    finally:
        session.close()


def compare_case(pair: Pair, seed: int, n_loops: int) -> int:
    """Lives through some loops of random runs; returns how many there were until all runs had ended."""
    random = Random(seed)
    with undone() as session:
        dags = [DecidedDag(session, random, f"dag_{seed}_{n}") for n in range(random.choice((1, 1, 2, 3)))]
        for number in range(n_loops):
            session.flush()
            session.expunge_all()
            pair.forget()
            with as_stock():
                session.execute(text("SAVEPOINT before_the_loop"))
                stock = pair.loop(pair.stock, session)
                session.execute(text("ROLLBACK TO SAVEPOINT before_the_loop"))
            plugin = pair.loop(pair.plugin, session)
            where = f"seed {seed}, loop {number}"
            for name, rows in stock[0].items():
                found = differences(rows, plugin[0][name])
                assert not found, f"{where}: {name}: {found}"
            assert plugin[1] == stock[1], f"{where}: callbacks differ"
            assert plugin[2] == stock[2], f"{where}: side effects differ"
            if not session.scalars(select(DagRun.id).where(DagRun._state == "running").limit(1)).all():
                return number + 1
            for dag in dags:
                dag.move_on()
    return n_loops


@pytest.mark.parametrize("first", range(FIRST_SEED, FIRST_SEED + N_LOOPS, LOOPS_A_TEST))
def test_a_loop_of_the_plugin_ends_as_one_of_stock(pair: Pair, first: int) -> None:
    """All rows, callbacks, metrics, listener calls and log lines of runs, whatever the runs look like."""
    n_loops, seed = 0, first * 1000
    while n_loops < LOOPS_A_TEST:
        n_loops += compare_case(pair, seed, LOOPS_A_CASE)
        seed += 1
    fast_path = runtime().fast_path
    assert fast_path.n_decided > LOOPS_A_TEST / 2, runtime().stats.fallbacks

"""A loop of the plugin decides exactly as one of stock Airflow does, from the same database.

`SCHED_CACHE_DECISIONS_LOOPS` sets how many loops are compared, `SCHED_CACHE_DECISIONS_SEED` the first seed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any
from unittest import mock

import pytest
from airflow import settings
from airflow.models import DagRun
from sqlalchemy import Connection, select
from sqlalchemy.orm import Session

from sched_cache_airflow.hosts.airflow3.decisions.reconcile import Reconciler
from sched_cache_airflow.hosts.installed import host_process, runtime
from tests.airflow3.support.decided_runs import DecidedDag, all_rows
from tests.airflow3.support.scheduler import Scheduler
from tests.airflow3.support.side_effects import described, side_effects
from tests.hosts.home import option
from tests.hosts.metadata_db import MetadataDb
from tests.hosts.subject import ON
from tests.support.scheduling.decided_dag import differences

N_LOOPS = int(os.environ.get("SCHED_CACHE_DECISIONS_LOOPS", "300"))
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
            self.stock = Scheduler()
        self.plugin = Scheduler()
        for scheduler in (self.stock, self.plugin):
            scheduler.runner.executor.parallelism = 0  # scheduled is as far as this test goes
        self.callbacks: list[Any] = []
        for scheduler in (self.stock, self.plugin):
            scheduler.runner.executor.send_callback = self.callbacks.append

    def loop(self, scheduler: Scheduler, session: Session) -> tuple[Any, list[Any], list[Any]]:
        """One loop; (all rows after it, callbacks, side effects)."""
        self.callbacks.clear()
        scheduler.runner._dag_id_to_team_name = {}
        with side_effects() as seen:
            scheduler.runner._do_scheduling(session)
        session.flush()
        session.expunge_all()
        return all_rows(session), [described(callback) for callback in self.callbacks], seen


@pytest.fixture
def pair(airflow_db: MetadataDb) -> Iterator[Pair]:
    with paired() as both:
        yield both


@pytest.fixture
def shadowed_pair(airflow_db: MetadataDb) -> Iterator[Pair]:
    """Every decision is compared by the plugin itself."""
    with paired(shadow_share="1.0") as both:
        yield both


@contextmanager
def paired(**options: str) -> Iterator[Pair]:
    chosen = {option("sched_cache", name): value for name, value in options.items()}
    with mock.patch.dict(os.environ, {**ON, option("sched_cache", "publish_contents"): "False", **chosen}):
        host_process().install()
        # Runs that lack what their content has get it from the plugin, which stock does not do: a rule of its own,
        # with its own tests. Here such runs are to be decided as they are.
        with mock.patch.object(Reconciler, "reconcile"):
            try:
                yield Pair()
            finally:
                host_process().uninstall()


@contextmanager
def undone() -> Iterator[tuple[Session, Connection]]:
    """A session like the host's whose commits are savepoints of a transaction that is rolled back."""
    assert settings.engine is not None
    with settings.engine.connect() as connection:
        transaction = connection.begin()
        options = {"autoflush": False, "expire_on_commit": False}
        session = Session(connection, join_transaction_mode="create_savepoint", **options)
        try:
            yield session, connection
        finally:
            session.close()
            transaction.rollback()


def compare_case(pair: Pair, seed: int, n_loops: int) -> int:
    """Lives through some loops of random runs; returns how many there were until all runs had ended."""
    random = Random(seed)
    with undone() as (session, connection):
        dags = [DecidedDag(session, random, f"dag_{seed}_{n}") for n in range(random.choice((1, 1, 2, 3)))]
        for number in range(n_loops):
            session.commit()
            with as_stock():
                point = connection.begin_nested()
                stock = pair.loop(pair.stock, session)
                session.close()
                point.rollback()
            plugin = pair.loop(pair.plugin, session)
            where = f"seed {seed}, loop {number}"
            for name, rows in stock[0].items():
                found = differences(rows, plugin[0][name])
                assert not found, f"{where}: {name}: {found}"
            assert plugin[1] == stock[1], f"{where}: callbacks differ"
            assert plugin[2] == stock[2], f"{where}: side effects differ"
            session.commit()
            if not session.scalars(select(DagRun.id).where(DagRun._state == "running").limit(1)).all():
                return number + 1
            for dag in dags:
                dag.move_on()
            pair.stock.dag_bag.clear_cache()
    return n_loops


EACH_HUNDRED = pytest.mark.parametrize("first", range(FIRST_SEED, FIRST_SEED + N_LOOPS, LOOPS_A_TEST))


@EACH_HUNDRED
def test_a_loop_of_the_plugin_ends_as_one_of_stock(pair: Pair, first: int) -> None:
    """All rows, callbacks, metrics, listener calls and log lines of runs, whatever the runs look like."""
    _compare_a_hundred(pair, first)
    fast_path = runtime().fast_path
    assert fast_path.n_decided > LOOPS_A_TEST / 2, runtime().stats.fallbacks


@EACH_HUNDRED
def test_shadow_mode_finds_no_difference_and_leaves_no_trace(shadowed_pair: Pair, first: int) -> None:
    """Both ways were made and undone, and the loop ends as one of stock: nothing was done twice."""
    _compare_a_hundred(shadowed_pair, first)
    fast_path = runtime().fast_path
    assert fast_path.n_decided == 0
    assert (fast_path.shadow.n_differences, fast_path.n_dags_off) == (0, 0), runtime().stats.fallbacks
    assert fast_path.shadow.n_compared > LOOPS_A_TEST / 2, runtime().stats.fallbacks


def _compare_a_hundred(pair: Pair, first: int) -> None:
    n_loops, seed = 0, first * 1000
    while n_loops < LOOPS_A_TEST:
        n_loops += compare_case(pair, seed, LOOPS_A_CASE)
        seed += 1

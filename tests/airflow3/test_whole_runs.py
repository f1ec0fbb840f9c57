"""Runs from creation to end under a scripted executor: the same history of states as on stock Airflow.

Tasks succeed, fail, are retried, skipped, deferred, rescheduled and lost. `SCHED_CACHE_WHOLE_RUNS` sets how many
random clusters are tried, `SCHED_CACHE_WHOLE_RUNS_SEED` the first seed, `SCHED_CACHE_WHOLE_RUNS_TASKS` the size of
the largest DAG (2000 takes stock minutes).
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable

import pytest

pytest.importorskip("airflow.sdk")

from sched_cache_airflow.airflow3.runtime import runtime
from tests.airflow3.support.random_dags import Traits, random_dag
from tests.airflow3.support.scripted_executor import Script
from tests.airflow3.support.stored_dags import document_of
from tests.airflow3.support.subject import PLUGIN, STOCK
from tests.airflow3.support.user import User
from tests.airflow3.support.whole_runs import History, assert_same_history, play

N_CLUSTERS = int(os.environ.get("SCHED_CACHE_WHOLE_RUNS", "2"))
FIRST_SEED = int(os.environ.get("SCHED_CACHE_WHOLE_RUNS_SEED", "1"))
LARGEST = int(os.environ.get("SCHED_CACHE_WHOLE_RUNS_TASKS", "100"))

EmptyDatabase = Callable[[], None]
_MANY_STATES = {"success", "failed", "upstream_failed", "skipped", "deferred", "up_for_retry"}


def play_on_both(
    empty_database: EmptyDatabase, once: Callable[[], History], fallbacks: frozenset[str] = frozenset()
) -> History:
    """The history, which is the same with the plugin as on stock.

    fallbacks: for what the plugin may leave a decision to the host.
    """
    histories = []
    for subject in (STOCK, PLUGIN):
        empty_database()
        with subject.activated():
            histories.append(once())
            if subject is PLUGIN:
                assert runtime().stats.fallbacks.keys() <= fallbacks
                assert runtime().fast_path.n_decided
    stock, ours = histories
    assert_same_history(ours, stock)
    return ours


@pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + N_CLUSTERS))
def test_the_history_of_random_runs_is_that_of_stock(empty_database: EmptyDatabase, seed: int) -> None:
    """Every trigger rule, branches, sensors, setups, mapped tasks and groups, runs that depend on the one before."""
    sizes = random.Random(seed).sample((1, 4, 10, 15, 25), 3)
    documents = [document_of(random_dag(seed * 100 + size, size)) for size in sizes]
    history = play_on_both(empty_database, lambda: play(documents, Script.for_dags(seed, documents)))
    seen = Counter(row[4] for states in history.states for row in states if len(row) == 7)
    # Not that all have ended: on stock, too, a run waits for ever for a failed one that it depends on.
    assert len(_MANY_STATES & seen.keys()) > 3


def test_the_history_of_a_large_run_is_that_of_stock(empty_database: EmptyDatabase) -> None:
    """The larger a run, the more of its task instances are proven blocked and never loaded."""
    traits = Traits(trigger_rules=False, past=False, late_starts=False)
    documents = [document_of(random_dag(7, LARGEST, traits))]
    script = Script.for_dags(7, documents)
    history = play_on_both(empty_database, lambda: play(documents, script, n_runs=1, max_loops=1000))
    assert len(history.executed) > LARGEST / 4
    assert {row[2] for row in history.last if len(row) == 4} <= {"success", "failed"}


@pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + N_CLUSTERS))
def test_what_users_do_between_loops_has_the_effect_that_it_has_on_stock(
    empty_database: EmptyDatabase, seed: int
) -> None:
    """They clear and mark tasks and runs, pause, edit and delete DAGs."""
    sizes = random.Random(seed).sample((4, 8, 12, 16), 2)
    dags = [random_dag(seed * 100 + size, size) for size in sizes]
    documents = [document_of(dag) for dag in dags]
    script = Script.for_dags(seed, documents)
    done: list[list[str]] = []

    def once() -> History:
        user = User(seed, documents)
        done.append(user.done)
        return play(documents, script, interfere=user.act)

    play_on_both(empty_database, once, frozenset(("fast path: task instance without a task",)))
    on_stock, on_ours = done
    assert on_ours == on_stock
    assert len(set(on_stock)) >= 4

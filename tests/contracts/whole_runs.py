"""Runs from creation to end under a scripted executor: the same history of states as on stock Airflow.

Tasks succeed, fail, are retried, skipped, deferred, rescheduled and lost. `SCHED_CACHE_WHOLE_RUNS` sets how many
random clusters are tried, `SCHED_CACHE_WHOLE_RUNS_SEED` the first seed, `SCHED_CACHE_WHOLE_RUNS_TASKS` the size of
the largest DAG (2000 takes stock minutes). The fixture `stage` says how the host is driven, `seed` takes `clusters`.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from tests.support.scheduling.history import History, assert_same_history
from tests.support.scheduling.random_dags import Traits
from tests.support.scheduling.script import Script
from tests.support.scheduling.user import User

LARGEST = int(os.environ.get("SCHED_CACHE_WHOLE_RUNS_TASKS", "100"))
_MANY_STATES = {"success", "failed", "upstream_failed", "skipped", "deferred", "up_for_retry"}


def clusters(count: int) -> range:
    """The seeds of so many clusters, if nobody asks for more."""
    first = int(os.environ.get("SCHED_CACHE_WHOLE_RUNS_SEED", "1"))
    return range(first, first + int(os.environ.get("SCHED_CACHE_WHOLE_RUNS", str(count))))


@dataclass(frozen=True, slots=True)
class Stage:
    """A host that plays runs.

    empty_database: is called before each play. stock, plugin: who is in charge of this process within the block.
    runtime: the plugin's state. The rest is the host's `support`.
    """

    empty_database: Callable[[], None]
    stock: Callable[[], AbstractContextManager[Any]]
    plugin: Callable[[], AbstractContextManager[Any]]
    runtime: Callable[[], Any]
    random_dag: Callable[..., Any]
    document_of: Callable[[Any], Any]
    play: Callable[..., History]
    user: type[User]

    def play_on_both(self, once: Callable[[], History], fallbacks: frozenset[str] = frozenset()) -> History:
        """The history, which is the same with the plugin as on stock.

        fallbacks: for what the plugin may leave a decision to the host.
        """
        self.empty_database()
        with self.stock():
            stock = once()
        self.empty_database()
        with self.plugin():
            ours = once()
            assert self.runtime().stats.fallbacks.keys() <= fallbacks
            assert self.runtime().fast_path.n_decided
        assert_same_history(ours, stock)
        return ours


class WholeRunsContract:
    def test_the_history_of_random_runs_is_that_of_stock(self, stage: Stage, seed: int) -> None:
        """Every trigger rule, branches, sensors, setups, mapped tasks and groups, dependence on past runs."""
        sizes = random.Random(seed).sample((1, 4, 10, 15, 25), 3)
        documents = [stage.document_of(stage.random_dag(seed * 100 + size, size)) for size in sizes]
        script = Script.for_dags(seed, documents)
        history = stage.play_on_both(lambda: stage.play(documents, script))
        seen = Counter(row[4] for states in history.states for row in states if len(row) == 7)
        # Not that all have ended: on stock, too, a run waits for ever for a failed one that it depends on.
        assert len(_MANY_STATES & seen.keys()) > 3

    def test_the_history_of_a_large_run_is_that_of_stock(self, stage: Stage) -> None:
        """The larger a run, the more of its task instances are proven blocked and never loaded."""
        traits = Traits(trigger_rules=False, past=False, late_starts=False)
        documents = [stage.document_of(stage.random_dag(7, LARGEST, traits))]
        script = Script.for_dags(7, documents)
        history = stage.play_on_both(lambda: stage.play(documents, script, n_runs=1, max_loops=1000))
        assert len(history.executed) > LARGEST / 4
        assert {row[2] for row in history.last if len(row) == 4} <= {"success", "failed"}

    def test_what_users_do_between_loops_has_the_effect_that_it_has_on_stock(
        self, stage: Stage, seed: int
    ) -> None:
        """They clear and mark tasks and runs, pause, edit and delete DAGs."""
        sizes = random.Random(seed).sample((4, 8, 12, 16), 2)
        documents = [stage.document_of(stage.random_dag(seed * 100 + size, size)) for size in sizes]
        script = Script.for_dags(seed, documents)
        done: list[list[str]] = []

        def once() -> History:
            user = stage.user(seed, documents)
            done.append(user.done)
            return stage.play(documents, script, interfere=user.act)

        stage.play_on_both(once, frozenset(("fast path: task instance without a task",)))
        on_stock, on_ours = done
        assert on_ours == on_stock
        assert len(set(on_stock)) >= 4

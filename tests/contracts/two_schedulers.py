"""A stock scheduler and one with the plugin work on the same runs at once.

`SCHED_CACHE_TWO_SCHEDULERS` repeats it with that many clusters, from `SCHED_CACHE_TWO_SCHEDULERS_SEED` on.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.scheduling.history import History, rows
from tests.support.scheduling.random_dags import Traits
from tests.support.scheduling.scheduler_process import assert_done_once, results_of, scheduler_process
from tests.support.scheduling.script import Script, dag_id_of

N_CLUSTERS = int(os.environ.get("SCHED_CACHE_TWO_SCHEDULERS", "1"))
FIRST_SEED = int(os.environ.get("SCHED_CACHE_TWO_SCHEDULERS_SEED", "1"))
N_RUNS = 2

# Where a failed and a skipped task come together, it is the order of events that decides between the two.
TRAITS = Traits(trigger_rules=False, branches=False, past=False, late_starts=False)
OUTCOMES = ("success",) * 10 + ("failed", "deferred", "lost")


@dataclass(frozen=True, slots=True)
class Rivals:
    """A host with two schedulers.

    empty_database: is called before each play. stock: the host as it is, in this process. main: the module of a
    scheduler in a process of its own. off, on: what has the plugin in charge there. The rest is the host's `support`.
    """

    empty_database: Callable[[], None]
    stock: Callable[[], AbstractContextManager[Any]]
    main: str
    off: Mapping[str, str]
    on: Mapping[str, str]
    random_dag: Callable[..., Any]
    document_of: Callable[[Any], Any]
    play: Callable[..., History]
    create_runs: Callable[[Sequence[Any], int], None]


class TwoSchedulersContract:
    @pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + N_CLUSTERS))
    def test_no_task_is_lost_or_done_twice_and_no_run_gets_stuck(self, rivals: Rivals, seed: int) -> None:
        """Every try is executed once, by one of the two, and the runs end as under a single stock scheduler."""
        documents = [
            rivals.document_of(rivals.random_dag(seed * 100 + size, size, TRAITS)) for size in (5, 10, 20)
        ]
        script = Script.for_dags(seed, documents, outcomes=OUTCOMES, lengths=(1, 3))
        rivals.empty_database()
        with rivals.stock():
            expected = rivals.play(documents, script, n_runs=N_RUNS)
            # Under a single scheduler of stock, too, some runs wait for ever: when to stop, nobody could tell.
            waiting = {
                row[0] for row in expected.last if len(row) == 4 and row[2] not in ("success", "failed")
            }
            ending = [document for document in documents if dag_id_of(document) not in waiting]
            rivals.empty_database()
            rivals.create_runs(ending, N_RUNS)
        with (
            scheduler_process(rivals.main, script, rivals.off) as stock,
            scheduler_process(rivals.main, script, rivals.on) as ours,
        ):
            results = results_of(stock, ours)

        assert len(ending) > 1
        others = sorted(rows() ^ {row for row in expected.last if row[0] not in waiting}, key=repr)
        assert [result["unfinished"] for result in results] == [0, 0], f"stuck: {others}"
        assert_done_once(results, [task for task in expected.executed if task[0] not in waiting])
        assert others == []
        assert results[1]["decided"]
        assert results[1]["fallbacks"] == {}

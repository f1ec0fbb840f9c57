"""The product's side of the suite `lookup`."""

from __future__ import annotations

import os
from collections.abc import Callable
from threading import Thread

from ..case import Case
from ..subject import Work
from .candidates import sched_cache_candidate
from .hit_rate import PLACES, hit_percents
from .litmus import litmus
from .stored_dags import DATABASE_VARIABLE, LARGE, REDIS_VARIABLE, small_keys


def product_work(case: Case) -> Work:
    """A cache that holds everything, and one that keeps nothing, so that each of its reads goes to Redis."""
    from sched_cache import Config, DagCache

    # Certification costs one query per second for all reads, so it is not part of a look-up.
    servers = {
        "database_url": os.environ[DATABASE_VARIABLE],
        "redis_url": os.environ[REDIS_VARIABLE] or None,
        "max_staleness_seconds": 3600.0,
        "full_certify_seconds": 86_400.0,
    }
    holds_all, holds_none = DagCache.open(Config(**servers)), DagCache.open(Config(**servers, l1_max_bytes=0))  # type: ignore[arg-type]  # options by name
    keys = small_keys(case)
    key = keys[len(keys) // 2]
    holds_all.get_many(keys)

    def miss_task() -> object:
        dag = holds_none.get(LARGE)
        assert dag is not None
        return dag.task(dag.task_ids[dag.n_tasks // 2]).retries

    def many() -> object:
        cold = DagCache.open(Config(**servers))  # type: ignore[arg-type]  # options by name
        found = cold.get_many(keys)
        # Closing waits for the thread that listens, which is not part of reading.
        Thread(target=cold.close).start()
        return found

    return Work(
        timed={
            "hit": lambda: holds_all.get(key),
            "miss": lambda: holds_none.get(LARGE),
            "miss_task": miss_task,
            "many": many,
        },
        figures={**hit_percents(_open_lookup), **litmus(sched_cache_candidate)},
        counters=lambda: {"contents_read_from_database": holds_none.stats()["database"]["contents_read"]},
    )


def _open_lookup(n_keys: int) -> Callable[[str], bool]:
    from sched_cache.cache import L1
    from sched_cache.stats import Stats

    class Content:
        nbytes = 1000

    counters = Stats().l1
    l1: L1[Content] = L1(1 << 30, PLACES, counters)

    def lookup(key: str) -> bool:
        if l1.get(key) is not None:
            return True
        l1.put(key, 1, key, Content())
        return False

    return lookup

"""One process of the demo, which measures loading, holding and scheduling each DAG. Prints JSON objects, by size."""

from __future__ import annotations

import gc
import json
import statistics
import sys
import time
import tracemalloc
from typing import Any

from sched_cache_airflow.demo.bag import forget, scheduler_bag, version_of
from sched_cache_airflow.demo.one_loop import DemoScheduler
from sched_cache_airflow.demo.plan import LOOP_SIZES, SIZES, WARM_UP_TASKS, dag_id_of

_REPETITIONS = 9
_PUBLISH_SECONDS = 20.0


def main() -> int:
    """Measures all sizes."""
    bag = scheduler_bag()
    _load(bag, version_of(dag_id_of(WARM_UP_TASKS)))
    _settle()
    for n_tasks in SIZES:
        print(json.dumps(_measure(bag, n_tasks)), flush=True)
    scheduler = DemoScheduler()
    for n_tasks in LOOP_SIZES:
        seconds = scheduler.seconds_of_a_loop(n_tasks)
        print(json.dumps({"n_tasks": n_tasks, "loop_seconds": seconds}), flush=True)
    return 0


def _measure(bag: Any, n_tasks: int) -> dict[str, float]:
    version_id = version_of(dag_id_of(n_tasks))
    forget(bag)
    first_seconds = _load(bag, version_id)
    _settle()
    seconds = []
    for _ in range(_REPETITIONS):
        forget(bag)
        gc.collect()
        seconds.append(_load(bag, version_id))
    loaded_bytes, used_bytes = _held_bytes(bag, version_id)
    return {
        "n_tasks": n_tasks,
        "first_load_seconds": first_seconds,
        "load_seconds": statistics.median(seconds),
        "loaded_bytes": loaded_bytes,
        "used_bytes": used_bytes,
    }


def _load(bag: Any, version_id: Any) -> float:
    """The time from the query to the first usable task."""
    from airflow.utils.session import create_session

    with create_session() as session:
        started = time.perf_counter()
        dag = bag._get_dag(version_id, session)
        _ = dag.get_task("layer_0_task_0").retries
        return time.perf_counter() - started


def _held_bytes(bag: Any, version_id: Any) -> tuple[int, int]:
    """(bytes of the loaded DAG, bytes after each of its tasks was read)."""
    from airflow.utils.session import create_session

    forget(bag)
    gc.collect()
    with create_session() as session:
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            dag = bag._get_dag(version_id, session)
            session.expunge_all()
            gc.collect()
            loaded = tracemalloc.get_traced_memory()[0] - before
            for task in dag.tasks:
                _ = task.trigger_rule, task.retries, task.pool, task.upstream_task_ids
            gc.collect()
            return loaded, tracemalloc.get_traced_memory()[0] - before
        finally:
            tracemalloc.stop()


def _settle() -> None:
    """Waits until the contents that this process has encoded are stored for the others."""
    from sched_cache_airflow.patching.status import status

    if status.is_on:
        from sched_cache_airflow.hosts.installed import runtime

        runtime().contents.publisher.drain(_PUBLISH_SECONDS)


if __name__ == "__main__":
    sys.exit(main())

"""One measurement in a process of its own: `python -m tests.airflow3.figures.child NAME`, JSON on the last line.

The environment says which database it is about, and whether the plugin is on. What takes milliseconds is the median of
many.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

from tests.airflow3.figures.stored_dags import rewrite_in_place, version_ids, write_dags

Figures = dict[str, float]
SIZES = {
    "version": (500, 200),
    "active": (1000, 100),
    "large": (1, 1000),
    "page": (1, 500),
    "edited": (1, 100),
}
"""By the prefix of their names: how many DAGs of how many tasks."""
N_RUNS_PER_LOOP = 20
SECONDS_OF_LOOPS = 75


def write(*prefixes: str) -> Figures:
    """What others are going to read. Not measured."""
    from airflow.dag_processing.bundles.manager import DagBundlesManager

    DagBundlesManager().sync_bundles_to_db()
    for prefix in prefixes:
        write_dags(prefix, *SIZES[prefix])
    return {}


def fill(*prefixes: str) -> Figures:
    """Has every content published, as any node of a cluster does that loads it first."""
    from sched_cache_airflow.airflow3.runtime import runtime

    bag = scheduler_bag()
    publisher = runtime().contents.publisher
    for prefix in prefixes:
        for version_id in version_ids(prefix):
            with session_of_a_loop([version_id]) as session:
                bag.get_dag(version_id, session=session)
            publisher.drain(60)
    return {"published": publisher.n_published}


def memory() -> Figures:
    """Growth of the resident set: all versions held, every task used at once, and after a minute of loops."""
    bag, ids = scheduler_bag(), version_ids("version")
    load(bag, version_ids("large"))  # whatever is imported at first use
    before = resident_bytes()
    load(bag, ids)
    held = resident_bytes() - before
    for dag in load(bag, ids):
        for task_id in dag.task_ids:
            use(dag.get_task(task_id))
    dag = None
    used = resident_bytes() - before
    figures = l1_figures()
    until = time.monotonic() + SECONDS_OF_LOOPS
    while time.monotonic() < until:
        load(bag, ids)  # measures what has grown, and lets go of it
        time.sleep(1)
    return {
        "held_mb": held / 1e6,
        "used_mb": used / 1e6,
        "later_mb": (resident_bytes() - before) / 1e6,
        **(l1_figures() or figures),
    }


def miss() -> Figures:
    """From an empty L1 to the DAG and a task's field, in a loop that has read the hashes; then to its relatives."""
    bag, (version_id,) = scheduler_bag(), version_ids("large")
    times, used = [], []
    with session_of_a_loop([version_id]) as session:
        for _ in range(101 if is_plugin() else 25):
            forget(bag)
            started = time.perf_counter()
            dag = bag.get_dag(version_id, session=session)
            assert dag.get_task("chain_5.task_00505").trigger_rule == "all_success"
            times.append(time.perf_counter() - started)
            use(dag.get_task("chain_5.task_00505"))
            used.append(time.perf_counter() - started)
            dag = None
            session.expunge_all()
    return {"ms": 1e3 * median(times), "used_ms": 1e3 * median(used)}


def restart() -> Figures:
    """Loading the DAGs of 1000 running runs, twenty a loop as the scheduler takes them, right after its start."""
    bag, ids = scheduler_bag(), version_ids("active")
    load(bag, version_ids("large"))
    seconds = 0.0
    for start in range(0, len(ids), N_RUNS_PER_LOOP):
        some = ids[start : start + N_RUNS_PER_LOOP]
        started = time.perf_counter()
        with session_of_a_loop(some) as session:
            for version_id in some:
                assert bag.get_dag(version_id, session=session).has_task("chain_5.task_00005")
        seconds += time.perf_counter() - started
    return {"seconds": seconds, "ms_per_loop": 1e3 * seconds * N_RUNS_PER_LOOP / len(ids)}


def latest() -> Figures:
    """The API server's look-up of the latest version, again and again."""
    from airflow.api_fastapi.common.dagbag import create_dag_bag
    from airflow.models.serialized_dag import SerializedDagModel
    from airflow.utils.session import create_session

    bag, times = create_dag_bag(), []
    with create_session(scoped=False) as session:
        nbytes = len(json.dumps(SerializedDagModel.get("page_0000", session=session).data))
    for _ in range(60):
        with create_session(scoped=False) as session:
            session.connection()
            started = time.perf_counter()
            dag = bag.get_latest_version_of_dag("page_0000", session=session)
            times.append(time.perf_counter() - started)
            assert len(dag.task_ids) == 500
    return {"ms": 1e3 * median(times), "document_kb": nbytes / 1e3}


def visible() -> Figures:
    """Loops, one a second, and seconds from the commit of a change to its use by a scheduler that had the old one."""
    bag, (version_id,) = scheduler_bag(), version_ids("edited")
    with session_of_a_loop([version_id]) as session:
        assert bag.get_dag(version_id, session=session) is not None
    edition = time.time_ns()
    rewrite_in_place("edited_0000", 100, edition)
    committed, n_loops = time.monotonic(), 0
    while True:
        n_loops += 1
        with session_of_a_loop([version_id]) as session:
            task = bag.get_dag(version_id, session=session).get_task("chain_0.task_00000")
            if str(edition) in task.bash_command:
                return {"loops": n_loops, "seconds": time.monotonic() - committed}
        time.sleep(1.0)


# What they are made of


def scheduler_bag() -> Any:
    """The bag that a scheduler makes."""
    from airflow.jobs import scheduler_job_runner as host

    return host.CachedDBDagBag(
        load_op_links=False,
        cache_size=host.SCHEDULER_DAG_CACHE_SIZE,
        cache_ttl=0,
        stats_prefix="scheduler.dag_bag",
    )


class session_of_a_loop:  # used as a function
    """A session in which, with the plugin, a loop has begun that examines runs of these versions."""

    def __init__(self, ids: list[Any]) -> None:
        self._ids = ids

    def __enter__(self) -> Any:
        from airflow.utils.session import create_session

        self._context = create_session(scoped=False)
        session = self._context.__enter__()
        if is_plugin():
            from sched_cache_airflow.airflow3.runtime import runtime
            from sched_cache_airflow.airflow3.versions import begin_loop

            versions = begin_loop(session)
            runtime().contents.tend()
            versions.read((), self._ids, session)
            runtime().contents.prefetch(versions.hashes)
        return session

    def __exit__(self, *error: object) -> None:
        self._context.__exit__(*error)


def load(bag: Any, ids: list[Any]) -> Iterator[Any]:
    """The DAGs, loop by loop; a session holds none of the host's rows longer than that."""
    found = []
    for start in range(0, len(ids), N_RUNS_PER_LOOP):
        some = ids[start : start + N_RUNS_PER_LOOP]
        with session_of_a_loop(some) as session:
            found += [bag.get_dag(version_id, session=session) for version_id in some]
    assert all(found)
    return iter(found)


def use(task: Any) -> None:
    """Reads what the scheduler's own path reads of every task that could be scheduled."""
    _ = (task.upstream_task_ids, task.downstream_task_ids, task.trigger_rule, task.is_setup, task.is_teardown)
    _ = (task.depends_on_past, task.deps, task.retries, task.pool, task.max_active_tis_per_dag)


def forget(bag: Any) -> None:
    bag.clear_cache()
    if is_plugin():
        from sched_cache_airflow.airflow3.runtime import runtime

        runtime().contents.l1.clear()


def l1_figures() -> Figures:
    if not is_plugin():
        return {}
    from sched_cache_airflow.airflow3.runtime import runtime

    l1 = runtime().contents.l1
    return {
        "l1_mb": l1.nbytes / 1e6,
        "l1_entries": len(l1),
        "bound_mb": runtime().settings.config.l1_max_bytes / 1e6,
    }


def is_plugin() -> bool:
    return os.environ["AIRFLOW__SCHED_CACHE__ENABLED"] == "True"


def resident_bytes() -> int:
    """The resident set, after what is free was given back to the system."""
    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


CHILDREN: dict[str, Callable[..., Figures]] = {
    function.__name__: function for function in (write, fill, memory, miss, restart, latest, visible)
}


if __name__ == "__main__":
    if is_plugin():
        import airflow.api_fastapi.common.dagbag
        import airflow.jobs.scheduler_job_runner  # noqa: F401

        from sched_cache_airflow.airflow3 import install

        install()
    print(json.dumps(CHILDREN[sys.argv[1]](*sys.argv[2:])))

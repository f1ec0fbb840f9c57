"""The memory and time that the plugin costs and saves in one process of a host; the same code for every host.

The environment says which database it is about, and whether the plugin is on. What takes milliseconds is the median of
many.
"""

from __future__ import annotations

import ctypes
import gc
import json
import math
import os
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

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
MOST_LOOPS = 60
"""A bag that has not noticed a change after as many loops, one a second, is one that never does: before 3.3, that of
stock keeps the DAG of a version."""


class HostOfFigures(ABC):
    """The differences between the hosts. A version is the value by which the host's scheduler asks its bag."""

    @abstractmethod
    def versions(self, prefix: str) -> list[Any]:
        """Those of the DAGs with that prefix, by name."""

    @abstractmethod
    def rewrite(self, dag_id: str, n_tasks: int, edition: int) -> None:
        """Writes another content of the DAG, in a transaction of its own."""

    @abstractmethod
    def scheduler_bag(self) -> Any:
        """The bag that a scheduler makes."""

    def dag(self, bag: Any, version: Any, session: Any) -> Any:
        """The DAG of a version, as the scheduler asks its bag for it."""
        return bag.get_dag(version, session=session)

    @abstractmethod
    def clear(self, bag: Any) -> None:
        """Empties what the bag itself holds."""

    @abstractmethod
    def session(self) -> AbstractContextManager[Any]:
        """A session of the host's."""

    @abstractmethod
    def runtime(self) -> Any:
        """The plugin's parts in this process."""

    @abstractmethod
    def begin_loop(self, versions: list[Any], session: Any) -> Any:
        """Has the plugin read the hashes of a loop that examines runs of `versions`; returns them."""


class FiguresOfHost:
    """The measurements, each to be made in a process of its own."""

    def __init__(self, host: HostOfFigures) -> None:
        self._host = host

    def fill(self, *prefixes: str) -> Figures:
        """Has every content published, as any node of a cluster does that loads it first."""
        bag = self._host.scheduler_bag()
        publisher = self._host.runtime().contents.publisher
        for prefix in prefixes:
            for version in self._host.versions(prefix):
                with self._loop([version]) as session:
                    self._host.dag(bag, version, session)
                publisher.drain(60)
        return {"published": publisher.n_published}

    def memory(self) -> Figures:
        """Growth of the resident set: all versions held, every task used at once, and after a minute of loops."""
        bag, versions = self._host.scheduler_bag(), self._host.versions("version")
        self._load(bag, self._host.versions("large"))  # whatever is imported at first use
        before = resident_bytes()
        self._load(bag, versions)
        held = resident_bytes() - before
        for dag in self._load(bag, versions):
            for task_id in dag.task_ids:
                use(dag.get_task(task_id))
        dag = None
        used = resident_bytes() - before
        figures = self._l1_figures()
        until = time.monotonic() + SECONDS_OF_LOOPS
        while time.monotonic() < until:
            self._load(bag, versions)  # measures what has grown, and lets go of it
            time.sleep(1)
        return {
            "held_mb": held / 1e6,
            "used_mb": used / 1e6,
            "later_mb": (resident_bytes() - before) / 1e6,
            **(self._l1_figures() or figures),
        }

    def miss(self) -> Figures:
        """From an empty L1 to the DAG and a task's field, in a loop that has read the hashes; then to its relatives."""
        bag, (version,) = self._host.scheduler_bag(), self._host.versions("large")
        times, used = [], []
        with self._loop([version]) as session:
            for _ in range(101 if is_plugin() else 25):
                self._forget(bag)
                started = time.perf_counter()
                dag = self._host.dag(bag, version, session)
                assert dag.get_task("chain_5.task_00505").trigger_rule == "all_success"
                times.append(time.perf_counter() - started)
                use(dag.get_task("chain_5.task_00505"))
                used.append(time.perf_counter() - started)
                dag = None
                session.expunge_all()
        return {"ms": 1e3 * median(times), "used_ms": 1e3 * median(used)}

    def restart(self) -> Figures:
        """Loading the DAGs of 1000 running runs, twenty a loop as the scheduler takes them, right after its start."""
        bag, versions = self._host.scheduler_bag(), self._host.versions("active")
        self._load(bag, self._host.versions("large"))
        seconds = 0.0
        for start in range(0, len(versions), N_RUNS_PER_LOOP):
            some = versions[start : start + N_RUNS_PER_LOOP]
            started = time.perf_counter()
            with self._loop(some) as session:
                for version in some:
                    assert self._host.dag(bag, version, session).has_task("chain_5.task_00005")
            seconds += time.perf_counter() - started
        return {"seconds": seconds, "ms_per_loop": 1e3 * seconds * N_RUNS_PER_LOOP / len(versions)}

    def visible(self) -> Figures:
        """Loops, one a second, and seconds from a change's commit to its use by a scheduler that had the old one.

        Infinitely many loops if it was not used within `MOST_LOOPS`.
        """
        bag, (version,) = self._host.scheduler_bag(), self._host.versions("edited")
        with self._loop([version]) as session:
            assert self._host.dag(bag, version, session) is not None
        edition = time.time_ns()
        self._host.rewrite("edited_0000", 100, edition)
        committed, n_loops = time.monotonic(), 0
        while True:
            n_loops += 1
            with self._loop([version]) as session:
                task = self._host.dag(bag, version, session).get_task("chain_0.task_00000")
                if str(edition) in task.bash_command:
                    return {"loops": n_loops, "seconds": time.monotonic() - committed}
            if n_loops == MOST_LOOPS:
                return {"loops": math.inf, "seconds": time.monotonic() - committed}
            time.sleep(1.0)

    # What they are made of

    @contextmanager
    def _loop(self, versions: list[Any]) -> Iterator[Any]:
        """A session in which, with the plugin, a loop has begun that examines runs of these versions."""
        with self._host.session() as session:
            if is_plugin():
                contents = self._host.runtime().contents
                contents.tend()
                contents.prefetch(self._host.begin_loop(versions, session))
            yield session

    def _load(self, bag: Any, versions: list[Any]) -> Iterator[Any]:
        """The DAGs, loop by loop; a session holds none of the host's rows longer than that."""
        found = []
        for start in range(0, len(versions), N_RUNS_PER_LOOP):
            some = versions[start : start + N_RUNS_PER_LOOP]
            with self._loop(some) as session:
                found += [self._host.dag(bag, version, session) for version in some]
        assert all(found)
        return iter(found)

    def _forget(self, bag: Any) -> None:
        if is_plugin():
            self._host.runtime().contents.l1.clear()
        self._host.clear(bag)

    def _l1_figures(self) -> Figures:
        if not is_plugin():
            return {}
        runtime = self._host.runtime()
        l1 = runtime.contents.l1
        return {
            "l1_mb": l1.nbytes / 1e6,
            "l1_entries": len(l1),
            "bound_mb": runtime.settings.config.l1_max_bytes / 1e6,
        }


def use(task: Any) -> None:
    """Reads what the scheduler's own path reads of every task that could be scheduled."""
    _ = (task.upstream_task_ids, task.downstream_task_ids, task.trigger_rule, task.is_setup, task.is_teardown)
    _ = (task.depends_on_past, task.deps, task.retries, task.pool, task.max_active_tis_per_dag)


def is_plugin() -> bool:
    """Whether this process has the plugin on."""
    return os.environ["AIRFLOW__SCHED_CACHE__ENABLED"] == "True"


def resident_bytes() -> int:
    """The resident set, after what is free was given back to the system."""
    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def children(host: HostOfFigures, *others: Callable[..., Figures]) -> dict[str, Callable[..., Figures]]:
    """The measurements for which a process can be started, by name."""
    shared = FiguresOfHost(host)
    measured = (shared.fill, shared.memory, shared.miss, shared.restart, shared.visible, *others)
    return {function.__name__: function for function in measured}


def answer(known: dict[str, Callable[..., Figures]]) -> None:
    """Does what the command line names and prints the figures as JSON on the last line."""
    print(json.dumps(known[sys.argv[1]](*sys.argv[2:])))

"""A small cluster inside one process: a processor that edits DAGs, and schedulers that read and act on them."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from sched_cache.config import Config
from sched_cache.dag_cache import DagCache
from sched_cache.errors import PublishConflictError, StoreUnavailableError

_BASH = {
    "task_type": "BashOperator",
    "_task_module": "airflow.providers.standard.operators.bash",
    "retry_delay": 300.0,
    "_needs_expansion": False,
    "template_fields": ["bash_command", "env", "cwd"],
    "template_fields_renderers": {"bash_command": "bash", "env": "json"},
    "template_ext": [".sh", ".bash"],
    "ui_color": "#f0ede4",
}
_GROUP = {
    "_group_id": None,
    "prefix_group_id": True,
    "tooltip": "",
    "ui_color": "CornflowerBlue",
    "ui_fgcolor": "#000",
}
_NO_EDGES: dict[str, list[str]] = {
    f"{direction}_{kind}_ids": [] for direction in ("upstream", "downstream") for kind in ("group", "task")
}


def document(dag_id: str, n_tasks: int, edition: int) -> dict[str, Any]:
    """A DAG as Airflow 3 stores it: layers of ten tasks, each with three upstream tasks. It contains `edition`."""
    names = [f"layer_{index // 10}_task_{index % 10}" for index in range(n_tasks)]
    tasks = []
    for index, name in enumerate(names):
        below = index // 10 * 10 + 10
        targets = sorted({names[below + (index + shift) % 10] for shift in range(3) if below + 10 <= n_tasks})
        command = {"bash_command": f"echo {name} {edition}", "task_id": name, "downstream_task_ids": targets}
        tasks.append({"__type": "operator", "__var": {**_BASH, **command}})
    children = {name: ["operator", name] for name in names}
    return {
        "__version": 3,
        "dag": {
            "dag_id": dag_id,
            "max_active_runs": edition,
            "timetable": {"__type": "airflow.timetables.simple.NullTimetable", "__var": {}},
            "timezone": "UTC",
            "catchup": False,
            "fileloc": f"/opt/airflow/dags/{dag_id}.py",
            "tasks": tasks,
            "task_group": {**_GROUP, **_NO_EDGES, "children": children},
            "dag_dependencies": [],
            "params": [],
        },
    }


@dataclass
class Observations:
    """Measurements of the threads. Several threads append to each list, which is safe."""

    staleness_seconds: list[float] = field(default_factory=list)
    load_seconds: list[float] = field(default_factory=list)
    hit_seconds: list[float] = field(default_factory=list)
    handled: list[tuple[str, int]] = field(default_factory=list)
    n_conflicts: int = 0


class DemoCluster:
    """One processor and two schedulers, each with its own cache, as in separate processes."""

    def __init__(self, config: Config, sizes: dict[str, int], seed: int) -> None:
        self.sizes = sizes
        self.processor = DagCache.open(config)
        self.schedulers = [DagCache.open(config) for _ in range(2)]
        self.editions = dict.fromkeys(sizes, 0)
        self.committed_at: dict[tuple[str, int], float] = {}
        self.seen = Observations()
        self.stop = threading.Event()
        self._seed = seed

    def publish(self, key: str) -> None:
        """Edits the file of `key` and publishes it; again if another publication was faster."""
        self.editions[key] += 1
        edition = self.editions[key]
        while True:
            token = self.processor.token(key)
            try:
                self.processor.publish(key, document(key, self.sizes[key], edition), token=token)
                self.committed_at[key, edition] = time.monotonic()
                return
            except PublishConflictError:
                self.seen.n_conflicts += 1

    def run(self, seconds: float) -> None:
        """Lets processor and schedulers work for `seconds`, then lets the schedulers finish."""
        threads = [threading.Thread(target=self._edit)]
        threads += [
            threading.Thread(target=self._schedule, args=(cache, n))
            for n, cache in enumerate(self.schedulers)
        ]
        try:
            for thread in threads:
                thread.start()
            time.sleep(seconds)
        finally:  # after an interruption, too: otherwise the threads would outlive their database
            self.stop.set()
            for thread in threads:
                if thread.ident is not None:
                    thread.join()
        for _ in self.sizes:
            if not self._claim(self.schedulers[0]):
                break

    def close(self) -> None:
        """Ends all connections."""
        for cache in (self.processor, *self.schedulers):
            cache.close()

    def _edit(self) -> None:
        choose = random.Random(self._seed)
        keys = sorted(self.sizes)
        while not self.stop.wait(choose.expovariate(20)):
            self.publish(choose.choice(keys))

    def _schedule(self, cache: DagCache, number: int) -> None:
        choose = random.Random(self._seed + 1 + number)
        keys = sorted(self.sizes)
        while not self.stop.is_set():
            self._claim(cache)
            for key in choose.sample(keys, min(40, len(keys))):
                self._read(cache, key)
            time.sleep(0.002)

    def _read(self, cache: DagCache, key: str) -> None:
        n_loads = cache.n_loads
        newest, started = self.editions[key], time.monotonic()
        dag = cache.get(key)
        seconds = time.monotonic() - started
        (self.seen.load_seconds if cache.n_loads > n_loads else self.seen.hit_seconds).append(seconds)
        edition = dag.field("max_active_runs") if dag else 0
        newer = [self.committed_at.get((key, later)) for later in range(edition + 1, newest + 1)]
        first = min((at for at in newer if at is not None and at < started), default=None)
        self.seen.staleness_seconds.append(started - first if first is not None else 0.0)

    def _claim(self, cache: DagCache) -> int:
        try:
            with cache.claim(limit=20) as claims:
                for claim in claims:
                    dag = cache.get(claim.key, min_version=claim.version)
                    self.seen.handled.append((claim.key, dag.field("max_active_runs") if dag else 0))
                    claim.acknowledge()
                return len(claims)
        except StoreUnavailableError:
            return 1  # SQLite has one writer: try again in the next turn

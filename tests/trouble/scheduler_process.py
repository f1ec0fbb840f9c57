"""A forked scheduler, which runs single loops on demand and reports the DAGs that it used."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from multiprocessing.connection import Client, Connection
from typing import Any

from bench.loop.host import host
from bench.loop.observing import examined_runs
from bench.loop.scheduler import Scheduler
from bench.loop.workload import unstart_tasks


def serve(address: str) -> None:
    """Works until the other end is closed. Raises EOFError then."""
    connection: Connection = Client(address, "AF_UNIX")
    connection.send(os.getpid())
    worker = SchedulerWorker()
    actions: dict[str, Callable[..., Any]] = {
        "open": worker.open,
        "loop": worker.loop,
        "forget": worker.forget,
        "unstart": lambda: unstart_tasks(),
        "edit": lambda numbers, retries: worker.edit(numbers, retries),
        "snapshot": worker.snapshot,
    }
    while True:
        name, arguments = connection.recv()
        connection.send(actions[name](**arguments))


class SchedulerWorker:
    """A scheduler of the host, with the plugin where the environment says so."""

    def __init__(self) -> None:
        self._is_ours = os.environ.get("AIRFLOW__SCHED_CACHE__ENABLED") == "True"
        self._scheduler: Scheduler | None = None
        self._editor: Any = None

    def open(self) -> float:
        """Everything that comes before the first loop; how many seconds it took."""
        started = time.perf_counter()
        if self._is_ours:
            from sched_cache_airflow.hosts.installed import host_process

            # What the parent has read of the options was meant for itself.
            host_process().uninstall()
            host_process().install()
        self._scheduler = Scheduler()
        self._scheduler.register()
        bag = self._scheduler._runner
        if host() == "airflow3" and not self._is_ours:
            # Stock takes up to half a minute to see an edit; it is compared with what is stored.
            bag.scheduler_dag_bag._revalidation_interval = 0
        return time.perf_counter() - started

    def loop(self) -> dict[str, Any]:
        """seconds; dags: by id, what their objects said that decided their runs (`facts_of`)."""
        assert self._scheduler is not None
        used: dict[str, Any] = {}
        with examined_runs(lambda run: used.__setitem__(run.dag_id, run.dag)):
            seconds, _ = self._scheduler.loop()
        return {"seconds": seconds, "dags": {dag_id: facts_of(dag) for dag_id, dag in used.items()}}

    def forget(self) -> None:
        """Drops every DAG from the memory of this process."""
        assert self._scheduler is not None
        if self._is_ours:
            from sched_cache_airflow.hosts.installed import runtime

            runtime().contents.l1.clear()

    def edit(self, numbers: list[int], retries: int) -> None:
        """Stores these DAGs anew, every task with so many retries."""
        if self._editor is None:
            from tests.trouble.editor import Editor

            self._editor = Editor()
        self._editor.edit(numbers, retries)

    def snapshot(self) -> dict[str, Any]:
        """Everything that the plugin has counted in this process."""
        from sched_cache_airflow.hosts.installed import runtime

        return dict(runtime().snapshot())


def facts_of(dag: Any) -> tuple[str, str]:
    """Digests of the tasks with their edges, and of their retries: the one thing that an edit changes here."""
    tasks = sorted(dag.tasks, key=lambda task: task.task_id)
    shape = [
        (task.task_id, sorted(task.downstream_task_ids), str(task.trigger_rule), task.pool, task.queue)
        for task in tasks
    ]
    retries = [task.retries for task in tasks]
    return _digest(shape), str(retries[0]) if len(set(retries)) == 1 else _digest(retries)


def _digest(value: object) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()[:16]

"""A node in a process of its own, which executes requests from a pipe."""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

from sched_cache import Config, DagCache


@contextmanager
def reader(config: Config) -> Iterator[Connection]:
    """Starts one. Send `(name of a function below, arguments)`, receive what it returns."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(config, theirs), daemon=True)
    process.start()
    try:
        yield ours
    finally:
        ours.send(None)
        process.join(10)
        process.kill()


def ask(node: Connection, name: str, *arguments: Any) -> Any:
    """Sends one request, and returns the answer."""
    node.send((name, arguments))
    return node.recv()


def _serve(config: Config, ours: Connection) -> None:
    with DagCache.open(config) as cache:
        while (question := ours.recv()) is not None:
            name, arguments = question
            ours.send(_QUESTIONS[name](cache, *arguments))


def _ready(cache: DagCache) -> bool:
    """Certified, and listening to notifications if there are any."""
    cache.certify()
    until = time.monotonic() + 5
    while cache.config.redis_url and not cache.stats()["redis"]["subscriptions"] and time.monotonic() < until:
        time.sleep(0.01)
    return True


def _see(cache: DagCache, key: str, versions: list[int], timeout_seconds: float) -> list[float]:
    """When this node first returned each of the versions, by the clock that all processes share."""
    seen: list[float] = []
    until = time.monotonic() + timeout_seconds
    for version in versions:
        while time.monotonic() < until:
            cache.get(key)
            floor = cache.floor(key)
            if floor is not None and floor.version >= version:
                seen.append(time.monotonic())
                break
            time.sleep(0.0002)
    return seen


def _read_at_once(cache: DagCache, key: str, n_threads: int) -> int:
    """How many contents this node read from the database while so many threads wanted one."""
    cache.certify()
    start = threading.Barrier(n_threads)

    def read() -> None:
        start.wait()
        assert cache.get(key) is not None

    threads = [threading.Thread(target=read) for _ in range(n_threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return int(cache.stats()["database"]["contents_read"])


def _fill(cache: DagCache, keys: list[str], is_used: bool) -> tuple[int, int, int]:
    """Reads all, and of each every task if so told: bytes the process grew by, bytes as counted, DAGs kept."""
    cache.certify()
    before = _resident_bytes()
    for first in range(0, len(keys), 50):
        for dag in cache.get_many(keys[first : first + 50]).values():
            assert dag is not None
            if is_used:
                for index, task_id in enumerate(dag.task_ids):
                    dag.task(task_id)
                    dag.upstream(index)
    for _ in range(len(keys) // 64 + 1):
        cache.certify()  # as time goes by
    gauges = cache.stats()["gauges"]
    return _resident_bytes() - before, int(gauges["l1_bytes"]), int(gauges["l1_entries"])


def _resident_bytes() -> int:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * 4096


_QUESTIONS: dict[str, Callable[..., Any]] = {
    "ready": _ready,
    "see": _see,
    "read_at_once": _read_at_once,
    "fill": _fill,
}

"""Every object of the core in children that are forked while other threads use it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from sched_cache import Config, DagCache
from sched_cache.cache import SingleFlight
from sched_cache.clock import SystemClock
from sched_cache.format import decode_dag, encode_dag
from sched_cache.stats import Stats
from sched_cache.store.sql import SqlStore
from sched_cache.testing.memory_store import MemoryStore
from tests.contracts.store import publication
from tests.support.forks import assert_no_child_hangs

N_TASKS = 100


def document(n: int = 1) -> dict[str, object]:
    tasks = [{"__type": "operator", "__var": {"task_id": f"t{i}", "retries": n}} for i in range(N_TASKS)]
    return {
        "__version": 3,
        "dag": {"dag_id": "sales", "fileloc": "/d/sales.py", "timezone": "UTC", "tasks": tasks},
    }


def test_tasks_of_a_dag() -> None:
    """A thread makes task objects while another one forks."""
    encoded = encode_dag(document())
    shared = decode_dag(encoded.hot, encoded.cold)

    def make_tasks() -> None:
        dag = decode_dag(encoded.hot, encoded.cold)
        for index in range(N_TASKS):
            assert dag.task(f"t{index}") is not None
            shared.task(f"t{index}")

    assert_no_child_hangs([make_tasks, make_tasks], make_tasks)


def test_loads_under_way() -> None:
    flight: SingleFlight[int] = SingleFlight(SystemClock(), Stats().flights, 5.0)
    numbers = count()

    def load() -> None:
        assert flight.do(f"hash {next(numbers) % 3}", lambda: 1) == 1

    assert_no_child_hangs([load, load, load], load)


def test_a_store_in_memory() -> None:
    store = MemoryStore()
    numbers = count(1)

    def use() -> None:
        store.publish(publication("sales", str(next(numbers))))
        store.read_hot(["sales"])

    assert_no_child_hangs([use, use], use)


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/cache.db"
    found: str = request.getfixturevalue(
        {"postgresql": "postgres_url", "mariadb": "mariadb_url"}[request.param]
    )
    return found


def test_a_store_in_a_database(url: str) -> None:
    """The child uses it, and on SQLite its own connection to a file too: mutexes are of the whole process."""
    store = SqlStore.open(url)
    store.publish(publication("sales", "0"))
    numbers = count(1)

    def use() -> None:
        store.publish(publication("sales", str(next(numbers))))
        store.read_hot(["sales"])
        with store.transaction() as connection:
            store.lock_fresh(connection, store.fresh(0, 10).pointers)

    def use_in_child() -> None:
        if url.startswith("sqlite"):
            connection = sqlite3.connect(":memory:")
            connection.execute("CREATE TABLE t (c)")
            connection.close()
        assert store.read_hot(["sales"])
        store.close()

    assert_no_child_hangs([use, lambda: store.read_hot(["sales"])], use_in_child)
    assert store.read_hot(["sales"])
    store.close()


@pytest.fixture(params=["fake", "real"])
def redis(request: pytest.FixtureRequest) -> str:
    return "fake://forks" if request.param == "fake" else str(request.getfixturevalue("redis_url"))


@pytest.fixture
def cache(tmp_path: Path, redis: str) -> Iterator[DagCache]:
    config = Config(
        database_url=f"sqlite:///{tmp_path}/cache.db", redis_url=redis, max_staleness_seconds=0.05
    )
    with DagCache.open(config) as cache:
        yield cache


def test_a_whole_cache(cache: DagCache) -> None:
    """L1, Redis, its channel, the database and the protocol between them, published to and read by threads."""
    numbers = count(1)

    def publish() -> None:
        cache.publish("sales", document(next(numbers)))

    def read() -> None:
        dag = cache.get("sales")
        assert dag is None or dag.task("t1")

    publish()
    uses: list[Callable[[], None]] = [publish, read, read]

    def child() -> None:
        read()
        publish()
        cache.close()

    assert_no_child_hangs(uses, child)
    read()

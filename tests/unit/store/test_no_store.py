"""A process that may not use tables is told that nothing is there, and never that something was stored."""

from __future__ import annotations

import pytest

from sched_cache import Config, DagCache
from sched_cache.errors import StoreUnavailableError
from sched_cache.store import Store
from sched_cache.store.l2 import NoRedis
from sched_cache.store.no_store import NoStore


@pytest.fixture
def store() -> Store:
    return NoStore()


def test_every_key_is_absent(store: Store) -> None:
    assert store.read_pointers(["a"]) == {}
    assert store.read_hot(["a"]) == store.read_cold(["a"]) == store.read_whole(["a"]) == {}
    assert store.changes_since(0).pointers == store.fresh(0, 10).pointers == ()
    assert store.token("a") == 0


def test_nothing_is_ever_published_or_acknowledged(store: Store) -> None:
    cache = DagCache(Config(redis_url=None), store, NoRedis())
    with pytest.raises(StoreUnavailableError):
        cache.publish("a", {"__version": 3, "dag": {"dag_id": "a", "tasks": []}})
    with store.transaction() as connection:
        assert not store.acknowledge(connection, "a", 1)
        assert store.lock_fresh(connection, []) == []
    assert store.purge_tombstones(10) == 0


def test_a_cache_over_it_is_certified_and_misses(store: Store) -> None:
    """However long it runs: the same history each time, so nothing looks like a database that went back."""
    cache = DagCache(Config(redis_url=None), store, NoRedis())
    for _ in range(3):
        cache.certify()
        assert cache.get("a") is None
        assert cache.get_many(["a", "b"]) == {"a": None, "b": None}
    assert store.new_incarnation(store.changes_since(0).incarnation) == store.changes_since(0).incarnation
    cache.close()

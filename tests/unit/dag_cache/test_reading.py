"""The result of a read, and the tiers that it asks."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable

import pytest

from sched_cache import DagCache, VersionNotFoundError
from sched_cache.format import encode_dag
from tests.support.clock import ManualClock
from tests.support.tiers import RecordingL2, WatchedStore
from tests.unit.dag_cache.conftest import MAX_STALENESS_SECONDS, edition_of, sales, tell


class TestReading:
    def test_a_hit_asks_nobody(self, cache: DagCache, store: WatchedStore, l2: RecordingL2) -> None:
        """And returns the same object."""
        cache.publish("sales", sales())
        first = cache.get("sales")
        store.queries.clear()
        l2.reads.clear()
        assert cache.get("sales") is first
        assert cache.get_many(["sales"]) == {"sales": first}
        assert (store.queries, l2.reads) == ([], [])

    def test_a_cold_process_with_redis_asks_each_tier_once(
        self, cache: DagCache, processor: DagCache, store: WatchedStore, l2: RecordingL2
    ) -> None:
        """One query for all pointers, one batch for all contents; the database is not asked for those."""
        keys = [f"dag_{number}" for number in range(50)]
        for number, key in enumerate(keys):
            processor.publish(key, sales(number, dag_id=key))
        store.queries.clear()
        found = cache.get_many([*keys, "none", *keys])
        assert [edition_of(found[key]) for key in keys] == list(range(50))
        assert set(found) == {*keys, "none"}
        assert found["none"] is None
        assert store.queries == ["changes_since"]
        assert [len(reads) for reads in l2.reads] == [50]

    def test_what_redis_lacks_is_one_query(
        self, cache: DagCache, processor: DagCache, store: WatchedStore, l2: RecordingL2
    ) -> None:
        keys = [f"dag_{number}" for number in range(50)]
        for number, key in enumerate(keys):
            processor.publish(key, sales(number, dag_id=key))
        for number in range(0, 50, 2):
            del l2.parts[encode_dag(sales(number, dag_id=keys[number])).content_hash]
        store.queries.clear()
        found = cache.get_many(keys)
        assert [edition_of(found[key]) for key in keys] == list(range(50))
        assert store.queries == ["changes_since", "read_hot"]
        assert cache.stats()["database"]["contents_read"] == 25

    def test_nothing_asked_for_is_nothing_loaded(self, cache: DagCache, l2: RecordingL2) -> None:
        assert cache.get_many([]) == {}
        assert l2.reads == []

    def test_one_content_under_many_keys_is_loaded_once(
        self, cache: DagCache, processor: DagCache, l2: RecordingL2
    ) -> None:
        for key in ("a", "b", "c"):
            processor.publish(key, sales())
        found = cache.get_many(["a", "b"])
        assert found["a"] is found["b"] is cache.get("c")
        assert len(l2.reads) == 1

    def test_a_version_that_the_process_has_not_heard_of_is_asked_for(
        self, cache: DagCache, processor: DagCache, store: WatchedStore
    ) -> None:
        """Although the last certification is young enough for everybody else."""
        processor.publish("sales", sales(1))
        assert edition_of(cache.get("sales")) == 1
        newer = processor.publish("sales", sales(2))
        assert edition_of(cache.get("sales")) == 1
        assert edition_of(cache.get("sales", min_version=newer.version)) == 2
        assert edition_of(cache.get("sales")) == 2

    def test_a_version_that_the_database_does_not_have_is_an_error(self, cache: DagCache) -> None:
        """Its attributes say what was asked for and what there is."""
        published = cache.publish("sales", sales())
        for key, current in (("sales", published.version), ("hr", 0)):
            with pytest.raises(VersionNotFoundError) as caught:
                cache.get(key, min_version=99)
            assert (caught.value.key, caught.value.min_version) == (key, 99)
            assert caught.value.current_version == current

    def test_within_the_bound_of_staleness_a_change_is_seen(
        self, cache: DagCache, processor: DagCache, clock: ManualClock
    ) -> None:
        """Without any message."""
        processor.publish("sales", sales(1))
        assert edition_of(cache.get("sales")) == 1
        processor.publish("sales", sales(2))
        clock.now += MAX_STALENESS_SECONDS + 0.001
        assert edition_of(cache.get("sales")) == 2

    def test_a_message_is_believed_at_once(
        self, cache: DagCache, processor: DagCache, l2: RecordingL2, store: WatchedStore
    ) -> None:
        processor.publish("sales", sales(1))
        assert edition_of(cache.get("sales")) == 1
        processor.publish("sales", sales(2))
        tell(l2, cache)
        assert edition_of(cache.get("sales")) == 2

    def test_joining_the_channel_asks_for_what_was_missed(
        self, cache: DagCache, processor: DagCache, l2: RecordingL2, store: WatchedStore
    ) -> None:
        """If the database is down then, nothing is raised in the thread that listens."""
        processor.publish("sales", sales(1))
        cache.get("sales")
        processor.publish("sales", sales(2))
        l2.rejoin[0]()
        assert edition_of(cache.get("sales")) == 2
        store.is_down = True
        l2.rejoin[0]()
        assert cache.stats()["database"]["errors"] == 1

    def test_what_is_evicted_is_freed_at_once(self, new_cache: Callable[..., DagCache]) -> None:
        """Without the garbage collector, which hosts freeze: a DAG does not refer to itself."""
        cache = new_cache(l1_max_bytes=0)
        cache.publish("sales", sales())
        gc.disable()
        try:
            dag = cache.get("sales")
            assert dag is not None
            alive = weakref.ref(dag)
            del dag
            assert alive() is None
        finally:
            gc.enable()

    def test_keys_are_those_that_have_a_dag(self, cache: DagCache) -> None:
        for key in ("a", "b", "c"):
            cache.publish(key, sales())
        cache.delete("b")
        assert sorted(cache.keys()) == ["a", "c"]

    def test_keys_of_an_empty_database_are_none(self, cache: DagCache) -> None:
        assert list(cache.keys()) == []

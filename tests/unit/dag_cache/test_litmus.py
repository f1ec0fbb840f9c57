"""No read that starts after a version was learnt returns an older one, whatever is under way."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from sched_cache import Config, DagCache
from tests.support.clock import ManualClock
from tests.support.tiers import RecordingL2, WatchedStore
from tests.unit.dag_cache.conftest import (
    PATIENCE_SECONDS,
    Gathering,
    edition_of,
    exit_status_of_child,
    sales,
    tell,
)


def hold_first_read(store: WatchedStore) -> tuple[threading.Event, threading.Event]:
    """Holds up the next read of hot parts after it took its snapshot: (it is there, it may go on)."""
    reading, may_land = threading.Event(), threading.Event()

    def wait() -> None:
        store.after_read_hot = lambda: None
        reading.set()
        assert may_land.wait(PATIENCE_SECONDS)

    store.after_read_hot = wait
    return reading, may_land


class TestLitmus:
    """Where libraries that forget serve what is old."""

    @pytest.mark.parametrize("hears", ["a message", "a certification"])
    def test_an_invalidation_that_meets_a_load_in_flight(
        self, cache: DagCache, processor: DagCache, store: WatchedStore, l2: RecordingL2, hears: str
    ) -> None:
        """1. a load of version 1 is in flight, 2. version 2 is heard of: what starts after 2 gets version 2.

        So does whatever starts after the load has landed: it may not put its copy in the place of the newer.
        """
        processor.publish("sales", sales(1))
        l2.parts.clear()
        cache.certify()
        reading, may_land = hold_first_read(store)
        with ThreadPoolExecutor(1) as pool:
            early = pool.submit(cache.get, "sales")
            assert reading.wait(PATIENCE_SECONDS)
            processor.publish("sales", sales(2))
            if hears == "a message":
                tell(l2, cache)
            else:
                cache.certify()
            assert edition_of(cache.get("sales")) == 2
            may_land.set()
            assert edition_of(early.result(PATIENCE_SECONDS)) in (1, 2)
        assert edition_of(cache.get("sales")) == 2
        assert cache.stats()["flights"]["joined"] == 0

    def test_a_load_that_lands_after_the_news_leaves_no_copy(
        self, cache: DagCache, processor: DagCache, store: WatchedStore, l2: RecordingL2
    ) -> None:
        """Nobody has read the newer version yet."""
        processor.publish("sales", sales(1))
        l2.parts.clear()
        cache.certify()
        reading, may_land = hold_first_read(store)
        with ThreadPoolExecutor(1) as pool:
            early = pool.submit(cache.get, "sales")
            assert reading.wait(PATIENCE_SECONDS)
            processor.publish("sales", sales(2))
            tell(l2, cache)
            may_land.set()
            early.result(PATIENCE_SECONDS)
        assert edition_of(cache.get("sales")) == 2

    def test_who_needs_a_newer_version_does_not_join_the_older_flight(
        self, cache: DagCache, processor: DagCache, store: WatchedStore, l2: RecordingL2
    ) -> None:
        """It is answered while the other one is still in the air."""
        processor.publish("sales", sales(1))
        l2.parts.clear()
        cache.certify()
        reading, may_land = hold_first_read(store)
        with ThreadPoolExecutor(2) as pool:
            early = pool.submit(cache.get, "sales")
            assert reading.wait(PATIENCE_SECONDS)
            newer = processor.publish("sales", sales(2))
            needy = pool.submit(cache.get, "sales", newer.version)
            assert edition_of(needy.result(PATIENCE_SECONDS)) == 2
            assert not early.done()
            may_land.set()
        assert cache.stats()["flights"]["joined"] == 0

    def test_a_deletion_that_meets_a_load_in_flight(
        self, cache: DagCache, processor: DagCache, store: WatchedStore, l2: RecordingL2
    ) -> None:
        processor.publish("sales", sales(1))
        l2.parts.clear()
        cache.certify()
        reading, may_land = hold_first_read(store)
        with ThreadPoolExecutor(1) as pool:
            early = pool.submit(cache.get, "sales")
            assert reading.wait(PATIENCE_SECONDS)
            processor.delete("sales")
            tell(l2, cache)
            assert cache.get("sales") is None
            may_land.set()
            early.result(PATIENCE_SECONDS)
        assert cache.get("sales") is None

    def test_many_threads_and_one_cold_key(
        self, new_cache: Callable[..., DagCache], store: WatchedStore, l2: RecordingL2
    ) -> None:
        """One content is read, and all get the same object."""
        new_cache().publish("sales", sales())
        l2.parts.clear()
        gathering = Gathering(63)
        cache = DagCache(Config(), store, l2, clock=ManualClock(), make_signal=gathering.signal)
        cache.certify()
        gathering.blocks(store)
        with ThreadPoolExecutor(64) as pool:
            dags = [future.result() for future in [pool.submit(cache.get, "sales") for _ in range(64)]]
        assert len(set(map(id, dags))) == 1
        assert edition_of(dags[0]) == 1
        stats = cache.stats()
        assert stats["database"]["contents_read"] == 1
        assert (stats["flights"]["flights"], stats["flights"]["joined"]) == (1, 63)

    def test_a_fork_while_a_load_is_in_flight(
        self, cache: DagCache, processor: DagCache, store: WatchedStore, l2: RecordingL2
    ) -> None:
        """The child does not wait for a thread that it does not have."""
        processor.publish("sales", sales())
        l2.parts.clear()
        cache.certify()
        reading, may_land = hold_first_read(store)

        def child() -> bool:
            return edition_of(cache.get("sales")) == 1 and cache.stats()["flights"]["joined"] == 0

        with ThreadPoolExecutor(1) as pool:
            early = pool.submit(cache.get, "sales")
            assert reading.wait(PATIENCE_SECONDS)
            assert exit_status_of_child(child) == 0
            may_land.set()
            assert edition_of(early.result(PATIENCE_SECONDS)) == 1

"""A database that does not answer, or that was put back."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sched_cache import DagCache, StoreUnavailableError
from tests.support.clock import ManualClock
from tests.support.tiers import WatchedStore
from tests.unit.dag_cache.conftest import MAX_STALENESS_SECONDS, edition_of, publication_of, sales


class TestDatabaseDown:
    def test_what_is_certified_is_served_until_the_bound(
        self, cache: DagCache, store: WatchedStore, clock: ManualClock
    ) -> None:
        """Then nothing is."""
        cache.publish("sales", sales())
        cache.get("sales")
        store.is_down = True
        clock.now += MAX_STALENESS_SECONDS
        assert edition_of(cache.get("sales")) == 1
        clock.now += 0.001
        with pytest.raises(StoreUnavailableError):
            cache.get("sales")
        with pytest.raises(StoreUnavailableError):
            cache.certify()
        store.is_down = False
        assert edition_of(cache.get("sales")) == 1
        assert cache.stats()["freshness"]["served_in_grace"] == 0

    def test_the_operator_may_allow_more(
        self, new_cache: Callable[..., DagCache], store: WatchedStore, clock: ManualClock
    ) -> None:
        """For so long, and counted."""
        cache = new_cache(database_grace_seconds=10)
        cache.publish("sales", sales())
        cache.get("sales")
        store.is_down = True
        clock.now += MAX_STALENESS_SECONDS + 10
        assert edition_of(cache.get("sales")) == 1
        stats = cache.stats()
        assert (stats["freshness"]["served_in_grace"], stats["database"]["errors"]) == (1, 1)
        clock.now += 0.001
        with pytest.raises(StoreUnavailableError):
            cache.get("sales")

    def test_in_grace_a_dead_database_is_asked_once_a_second(
        self, new_cache: Callable[..., DagCache], store: WatchedStore, clock: ManualClock
    ) -> None:
        """Each question may last as long as its time-out; the answer that it is back is not missed for it."""
        cache = new_cache(database_grace_seconds=10)
        cache.publish("sales", sales())
        cache.get("sales")
        store.is_down = True
        clock.now += MAX_STALENESS_SECONDS + 0.1
        for _ in range(100):
            assert edition_of(cache.get("sales")) == 1
        assert cache.stats()["database"]["errors"] == 1
        clock.now += 1
        cache.get("sales")
        assert cache.stats()["database"]["errors"] == 2
        store.is_down = False
        store.publish(publication_of("sales", 2))
        clock.now += 1
        assert edition_of(cache.get("sales")) == 2

    def test_grace_is_for_what_was_certified_once(
        self, new_cache: Callable[..., DagCache], store: WatchedStore
    ) -> None:
        """A process that never asked knows of no absence either."""
        cache = new_cache(database_grace_seconds=86_400)
        store.is_down = True
        with pytest.raises(StoreUnavailableError):
            cache.get("sales")
        with pytest.raises(StoreUnavailableError):
            cache.keys()


class TestRestoredDatabase:
    def test_what_a_restore_has_undone_is_not_served(
        self, cache: DagCache, store: WatchedStore, clock: ManualClock
    ) -> None:
        """From the first certification after it on."""
        cache.publish("sales", sales(1))
        backup = store.backup()
        cache.publish("sales", sales(2))
        cache.publish("hr", sales(dag_id="hr"))
        assert edition_of(cache.get("sales")) == 2
        store.restore(backup)
        clock.now += MAX_STALENESS_SECONDS + 0.001
        assert edition_of(cache.get("sales")) == 1
        assert cache.get("hr") is None
        assert cache.stats()["freshness"]["restores"] == 1

    def test_what_is_published_afterwards_is_served(
        self, cache: DagCache, processor: DagCache, store: WatchedStore, clock: ManualClock
    ) -> None:
        """Although its number was used before."""
        cache.publish("sales", sales(1))
        backup = store.backup()
        cache.publish("sales", sales(2))
        cache.get("sales")
        store.restore(backup)
        clock.now += MAX_STALENESS_SECONDS + 0.001
        cache.get("sales")
        published = processor.publish("sales", sales(3))
        assert edition_of(cache.get("sales", published.version)) == 3

"""The counters of `DagCache`."""

from __future__ import annotations

import json

from sched_cache import DagCache
from tests.support.tiers import WatchedStore
from tests.unit.dag_cache.conftest import publication_of, sales


class TestStats:
    def test_is_plain_and_complete(self, cache: DagCache) -> None:
        """Sections of numbers, fit for JSON."""
        cache.publish("sales", sales())
        cache.get("sales")
        cache.get("sales")
        cache.certify(full=True)
        stats = cache.stats()
        assert json.loads(json.dumps(stats)) == stats
        assert set(stats) == {"l1", "redis", "database", "freshness", "flights", "gauges", "fallbacks"}
        assert (stats["l1"]["hits"], stats["freshness"]["learnt"]) == (1, 1)
        assert (stats["freshness"]["certifications"], stats["freshness"]["full_certifications"]) == (2, 2)
        assert stats["freshness"]["certify_seconds"]["count"] == 1
        assert (stats["gauges"]["keys"], stats["gauges"]["l1_entries"]) == (1, 1)
        assert stats["gauges"]["l1_bytes"] > 0
        assert stats["gauges"]["certified_age_seconds"] == 0
        assert cache.n_loads == stats["flights"]["flights"] == 1

    def test_certifying_costs_one_query_however_many_dags(self, cache: DagCache, store: WatchedStore) -> None:
        """And tells what was news."""
        cache.certify()
        for number in range(30):
            store.publish(publication_of(f"dag_{number}", number))
        store.queries.clear()
        learnt = cache.certify()
        assert store.queries == ["changes_since"]
        assert [pointer.key for pointer in learnt.pointers] == [f"dag_{number}" for number in range(30)]
        assert not learnt.forgot

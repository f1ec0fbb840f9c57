"""Contents that cannot be read: nobody else pays for them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from sched_cache import DagCache, FormatError
from sched_cache.format import encode_dag
from tests.support.clock import ManualClock
from tests.support.tiers import RecordingL2, WatchedStore
from tests.unit.dag_cache.conftest import PATIENCE_SECONDS, Gathering, edition_of, sales


class TestDamage:
    @pytest.mark.parametrize("damage", [b"", b"nonsense", encode_dag(sales(666)).hot])
    def test_only_the_damaged_key_fails(
        self, cache: DagCache, processor: DagCache, store: WatchedStore, l2: RecordingL2, damage: bytes
    ) -> None:
        """Whoever asks for others is served, and of those asked for together with it, the next read is a hit."""
        for key in ("a", "b", "c"):
            processor.publish(key, sales(dag_id=key))
        l2.parts.clear()
        store.damaged["b"] = damage
        with pytest.raises(FormatError, match="'b'"):
            cache.get_many(["a", "b", "c"])
        store.queries.clear()
        assert all(cache.get_many(["a", "c"]).values())
        assert store.queries == []
        with pytest.raises(FormatError, match="'b'"):
            cache.get("b")
        assert cache.stats()["database"]["damaged"] == 2
        assert encode_dag(sales(dag_id="b")).content_hash not in l2.parts

    def test_a_copy_in_redis_heals_it(
        self, cache: DagCache, processor: DagCache, store: WatchedStore
    ) -> None:
        processor.publish("sales", sales())
        store.damaged["sales"] = b"nonsense"
        assert edition_of(cache.get("sales")) == 1

    def test_who_waits_for_another_key_of_a_damaged_batch_is_served(
        self, cache: DagCache, processor: DagCache, store: WatchedStore, l2: RecordingL2
    ) -> None:
        for key in ("a", "b", "c"):
            processor.publish(key, sales(dag_id=key))
        l2.parts.clear()
        store.damaged["b"] = b"nonsense"
        gathering = Gathering(1)
        joining = DagCache(cache.config, store, l2, clock=ManualClock(), make_signal=gathering.signal)
        joining.certify()
        with ThreadPoolExecutor(2) as pool:
            reading = gathering.blocks(store)
            batch = pool.submit(joining.get_many, ["a", "b"])
            assert reading.wait(PATIENCE_SECONDS)
            waiting = pool.submit(joining.get, "a")
            assert edition_of(waiting.result(PATIENCE_SECONDS)) == 1
            with pytest.raises(FormatError):
                batch.result(PATIENCE_SECONDS)
        assert joining.stats()["flights"]["joined"] == 1

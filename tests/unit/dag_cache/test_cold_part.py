"""The cold part is fetched when it is needed."""

from __future__ import annotations

import pytest

from sched_cache import ColdPartMissingError, DagCache, FormatError
from sched_cache.format import encode_dag
from tests.support.tiers import RecordingL2, WatchedStore
from tests.unit.dag_cache.conftest import edition_of, sales


class TestColdPart:
    def test_is_fetched_when_it_is_needed(
        self, cache: DagCache, processor: DagCache, store: WatchedStore, l2: RecordingL2
    ) -> None:
        """Once, and from Redis where that has it."""
        processor.publish("sales", sales())
        store.queries.clear()
        dag = cache.get("sales")
        assert dag is not None
        assert dag.field("max_active_runs") == 1
        assert l2.reads == [[dag.content_hash]]
        assert dag.to_serialized() == sales()
        assert dag.to_serialized() == sales()
        assert l2.reads == [[dag.content_hash], [dag.cold_digest]]
        assert store.queries == ["changes_since"]

    def test_comes_from_the_database_where_redis_lacks_it(
        self, cache: DagCache, processor: DagCache, store: WatchedStore, l2: RecordingL2
    ) -> None:
        """And is in Redis then."""
        processor.publish("sales", sales())
        l2.parts.clear()
        store.queries.clear()
        dag = cache.get("sales")
        assert dag is not None
        assert dag.to_serialized() == sales()
        assert store.queries == ["changes_since", "read_hot", "read_cold"]
        assert set(l2.parts) == {dag.content_hash, dag.cold_digest}

    def test_of_a_superseded_dag_is_served_while_redis_has_it(
        self, cache: DagCache, processor: DagCache, l2: RecordingL2
    ) -> None:
        """Then it is missing: the database keeps the current one alone. Never another edition's."""
        processor.publish("sales", sales(1))
        kept, late = cache.get("sales"), processor.get("sales")
        assert kept is not None
        assert late is not None
        processor.publish("sales", sales(2))
        assert kept.to_serialized() == sales(1)
        l2.parts.clear()
        assert kept.to_serialized() == sales(1)
        with pytest.raises(ColdPartMissingError) as caught:
            late.to_serialized()
        assert caught.value.dag_id == "sales"
        assert edition_of(late) == 1

    def test_damaged_in_the_database_is_an_error(
        self, cache: DagCache, processor: DagCache, store: WatchedStore, l2: RecordingL2
    ) -> None:
        processor.publish("sales", sales())
        dag = cache.get("sales")
        assert dag is not None
        l2.parts.clear()
        store.damaged["sales"] = encode_dag(sales(666)).cold
        with pytest.raises(FormatError):
            dag.to_serialized()

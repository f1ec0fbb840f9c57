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


class TestKeptColdPart:
    def test_is_read_whatever_becomes_of_the_tiers(
        self, cache: DagCache, processor: DagCache, store: WatchedStore, l2: RecordingL2
    ) -> None:
        """Replaced in the database, gone from Redis, and then neither answers: the DAG is read to its end."""
        processor.publish("sales", sales(1))
        dag = cache.get("sales")
        assert dag is not None
        assert cache.keep_cold({"sales": dag}) == {"sales"}
        processor.publish("sales", sales(2))
        l2.parts.clear()
        store.is_down = True
        assert dag.to_serialized() == sales(1)

    def test_of_many_dags_comes_with_one_question_per_tier(
        self, cache: DagCache, processor: DagCache, store: WatchedStore, l2: RecordingL2
    ) -> None:
        """And none is asked for one that is there."""
        for key in ("sales", "stock", "staff"):
            processor.publish(key, {**sales(), "dag": {**sales()["dag"], "dag_id": key}})
        found = {key: dag for key, dag in cache.get_many(["sales", "stock", "staff"]).items() if dag}
        l2.parts.clear()
        l2.reads.clear()
        store.queries.clear()
        assert cache.keep_cold(found) == {"sales", "stock", "staff"}
        assert len(l2.reads) == 1
        assert store.queries == ["read_cold"]
        assert cache.keep_cold(found) == {"sales", "stock", "staff"}
        assert store.queries == ["read_cold"]

    def test_of_another_content_is_not_taken(
        self, cache: DagCache, processor: DagCache, l2: RecordingL2
    ) -> None:
        """A DAG whose cold part is nowhere any more is named by its absence."""
        processor.publish("sales", sales(1))
        dag = cache.get("sales")
        assert dag is not None
        processor.publish("sales", sales(2))
        l2.parts.clear()
        assert cache.keep_cold({"sales": dag}) == set()
        with pytest.raises(FormatError):
            dag.keep_cold(encode_dag(sales(2)).cold)

    def test_damaged_in_the_database_is_not_kept(
        self, cache: DagCache, processor: DagCache, store: WatchedStore, l2: RecordingL2
    ) -> None:
        """And counted."""
        processor.publish("sales", sales())
        dag = cache.get("sales")
        assert dag is not None
        l2.parts.clear()
        store.damaged["sales"] = encode_dag(sales(666)).cold
        assert cache.keep_cold({"sales": dag}) == set()
        assert cache.stats()["database"]["damaged"] == 1

    def test_counts_as_memory(self, cache: DagCache, processor: DagCache) -> None:
        """What is kept is charged."""
        processor.publish("sales", sales())
        dag = cache.get("sales")
        assert dag is not None
        before = dag.nbytes
        cache.keep_cold({"sales": dag})
        assert dag.nbytes > before

"""The cold part is fetched when it is needed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sched_cache import ColdPartMissingError, Config, DagCache, FormatError
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
        """A kept cold part is charged."""
        processor.publish("sales", sales())
        dag = cache.get("sales")
        assert dag is not None
        before = dag.nbytes
        cache.keep_cold({"sales": dag})
        assert dag.nbytes > before


class TestWholeContents:
    """Of a cache whose DAGs keep their cold parts from the start."""

    @pytest.fixture
    def whole(self, store: WatchedStore, l2: RecordingL2) -> Iterator[DagCache]:
        with DagCache(Config(redis_url=None), store, l2, keeps_cold=True) as cache:
            yield cache

    def test_come_from_redis_in_one_round_trip(
        self, whole: DagCache, store: WatchedStore, l2: RecordingL2
    ) -> None:
        """One DAG or many; and nothing more is asked for when they are read to their end."""
        dags = {key: {**sales(), "dag": {**sales()["dag"], "dag_id": key}} for key in ("a", "b", "c")}
        with DagCache(Config(redis_url=None), store, l2, keeps_cold=True) as other:
            for key, document in dags.items():
                other.publish(key, document)
        store.queries.clear()
        one = whole.get("a")
        found = whole.get_many(dags)
        assert [len(names) for names in l2.reads] == [1, 2]
        assert store.queries == ["changes_since"]
        assert one is not None
        complete = {key: dag for key, dag in found.items() if dag is not None}
        assert whole.keep_cold(complete) == set(dags)
        l2.parts.clear()
        store.is_down = True
        assert {key: dag.to_serialized() for key, dag in complete.items()} == dags
        assert [len(names) for names in l2.reads] == [1, 2]

    def test_come_from_the_database_with_one_query(
        self, whole: DagCache, processor: DagCache, store: WatchedStore, l2: RecordingL2
    ) -> None:
        """And are in Redis then, as the next reader asks for them."""
        processor.publish("sales", sales())
        l2.parts.clear()
        store.queries.clear()
        dag = whole.get("sales")
        assert dag is not None
        assert dag.keeps_cold
        assert store.queries == ["changes_since", "read_whole"]
        assert len(l2.reads) == 1
        store.queries.clear()
        with DagCache(Config(redis_url=None), store, l2, keeps_cold=True) as next_one:
            found = next_one.get("sales")
        assert found is not None
        assert found.keeps_cold
        assert store.queries == ["changes_since"]

    def test_serve_readers_that_want_the_hot_part_alone(
        self, whole: DagCache, cache: DagCache, processor: DagCache, store: WatchedStore, l2: RecordingL2
    ) -> None:
        """And what those have put into Redis serves the others, for one round trip more."""
        whole.publish("sales", sales(1))
        found = cache.get("sales")
        assert found is not None
        assert not found.keeps_cold
        assert found.to_serialized() == sales(1)
        processor.publish("sales", sales(2))
        whole.certify()
        dag = whole.get("sales")
        assert dag is not None
        assert not dag.keeps_cold
        assert whole.keep_cold({"sales": dag}) == {"sales"}
        assert dag.to_serialized() == sales(2)

    def test_of_which_the_cold_part_is_damaged_are_hot_parts(
        self, whole: DagCache, processor: DagCache, store: WatchedStore, l2: RecordingL2
    ) -> None:
        """The database's copy is at fault, so no reader can have more."""
        processor.publish("sales", sales())
        l2.parts.clear()
        encoded = encode_dag(sales())
        store.damaged["sales"] = encoded.hot + encode_dag(sales(666)).cold
        dag = whole.get("sales")
        assert dag is not None
        assert not dag.keeps_cold
        assert l2.parts == {encoded.content_hash: encoded.hot}
        assert whole.keep_cold({"sales": dag}) == set()

    def test_that_are_too_long_for_redis_are_put_there_in_two(
        self, store: WatchedStore, l2: RecordingL2
    ) -> None:
        """No reader takes a longer value from it than `max_content_bytes`."""
        document = sales()
        document["dag"]["doc_md"] = "long " * 3000
        config = Config(redis_url=None, max_content_bytes=10_000)
        with DagCache(config, store, l2, keeps_cold=True) as cache:
            cache.publish("sales", document)
            encoded = encode_dag(document)
            assert l2.parts[encoded.content_hash] == encoded.hot
            l2.parts.clear()
            dag = cache.get("sales")
            assert dag is not None
            assert l2.parts[encoded.content_hash] == encoded.hot

"""The writes of a publication, and its notifications."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sched_cache import DagCache, InvalidDagError, PublishConflictError
from sched_cache.store import Pointer
from tests.support.tiers import RecordingL2, WatchedStore
from tests.unit.dag_cache.conftest import edition_of, sales


class TestPublishing:
    def test_nothing_changed_is_nothing_written(
        self, cache: DagCache, l2: RecordingL2, store: WatchedStore
    ) -> None:
        """Neither in the database nor in Redis, and nobody is told."""
        first = cache.publish("sales", sales())
        cache.get("sales")
        before = (store.backup(), list(l2.writes), list(l2.notified))
        again = cache.publish("sales", sales(), token=cache.token("sales"))
        assert not again.changed
        assert (again.version, again.parsed_seq) == (first.version, first.parsed_seq)
        assert (store.backup(), l2.writes, l2.notified) == before
        assert cache.stats()["database"]["unchanged"] == 1

    def test_a_signal_raises_the_flag_although_nothing_changed(
        self, cache: DagCache, l2: RecordingL2
    ) -> None:
        """The version stays, so nobody loads anything; the contents are not written again."""
        first = cache.publish("sales", sales())
        resident = cache.get("sales")
        with cache.claim() as claims:
            claims[0].acknowledge()
        again = cache.publish("sales", sales(), signal=True)
        assert (again.changed, again.version) == (False, first.version)
        assert again.parsed_seq > first.parsed_seq
        with cache.claim() as claims:
            assert [(one.key, one.version, one.parsed_seq) for one in claims] == [
                ("sales", first.version, again.parsed_seq)
            ]
        assert cache.get("sales") is resident
        assert (len(l2.writes), len(l2.notified)) == (1, 2)

    def test_both_parts_are_in_redis_before_the_message(self, cache: DagCache, l2: RecordingL2) -> None:
        """And the message comes after the commit."""
        seen: list[tuple[int, int]] = []
        notify = l2.notify

        def note(pointer: Pointer, incarnation: str) -> bool:
            seen.append((len(l2.parts), cache.token("sales")))
            return notify(pointer, incarnation)

        l2.notify = note  # type: ignore[method-assign]
        published = cache.publish("sales", sales())
        assert seen == [(2, published.parsed_seq)]

    def test_who_was_not_first_is_told_by_how_much(self, cache: DagCache, processor: DagCache) -> None:
        """Nothing of it is published."""
        token = cache.token("sales")
        first = processor.publish("sales", sales(1), token=token)
        with pytest.raises(PublishConflictError) as caught:
            cache.publish("sales", sales(2), token=token)
        assert caught.value.key == "sales"
        assert (caught.value.expected_seq, caught.value.current_seq) == (token, first.parsed_seq)
        assert edition_of(cache.get("sales")) == 1
        assert cache.stats()["database"]["conflicts"] == 1

    def test_what_is_no_dag_leaves_the_current_one(self, cache: DagCache) -> None:
        cache.publish("sales", sales())
        with pytest.raises(InvalidDagError):
            cache.publish("sales", {"dag": {"dag_id": "sales"}})
        with pytest.raises(InvalidDagError):
            cache.publish("sales ", sales())
        assert edition_of(cache.get("sales")) == 1

    def test_the_chosen_hot_fields_decide_the_content(self, new_cache: Callable[..., DagCache]) -> None:
        chosen = new_cache(hot_include=("dag.doc_md",)).publish("sales", sales())
        usual = new_cache().publish("sales", sales())
        assert chosen.content_hash != usual.content_hash

    def test_within_a_transaction_nobody_is_told(
        self, cache: DagCache, store: WatchedStore, l2: RecordingL2
    ) -> None:
        """Not this process either, until `announce`."""
        with store.transaction() as connection:
            published = cache.publish("sales", sales(), connection=connection)
            assert (l2.writes, l2.notified, cache.floor("sales")) == ([], [], None)
        cache.announce(published)
        assert [pointer.version for pointer in l2.notified] == [published.version]
        assert len(l2.parts) == 2
        assert edition_of(cache.get("sales")) == 1

    def test_deleting_and_publishing_again(self, cache: DagCache, processor: DagCache) -> None:
        """None, until there is a newer version."""
        first = cache.publish("sales", sales(1))
        gone = cache.delete("sales", token=first.parsed_seq)
        assert (gone.changed, gone.content_hash, gone.version > first.version) == (True, None, True)
        assert cache.get("sales") is None
        assert cache.get("sales", min_version=gone.version) is None
        assert processor.get("sales") is None
        with cache.claim() as claims:
            assert claims[0].is_deleted
        back = cache.publish("sales", sales(1), token=gone.parsed_seq)
        assert (back.changed, back.version > gone.version) == (True, True)
        assert back.content_hash == first.content_hash
        assert edition_of(cache.get("sales")) == 1
        assert edition_of(processor.get("sales", back.version)) == 1

    def test_deleting_what_is_not_there_is_nothing(self, cache: DagCache, l2: RecordingL2) -> None:
        assert not cache.delete("sales").changed
        assert l2.notified == []

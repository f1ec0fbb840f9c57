from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest

from sched_cache.freshness import Claims, Freshness
from tests.contracts.store import publication, tombstone
from tests.support.clock import ManualClock
from tests.unit.freshness.conftest import FULL_EVERY_SECONDS, WatchedStore


@pytest.fixture
def claims(store: WatchedStore, clock: ManualClock, freshness: Freshness) -> Claims:
    return Claims(store, clock, freshness, full_every_seconds=FULL_EVERY_SECONDS)


@pytest.fixture
def rival(store: WatchedStore, clock: ManualClock, new_process: Callable[[], Freshness]) -> Claims:
    """Another scheduler."""
    return Claims(store, clock, new_process(), full_every_seconds=FULL_EVERY_SECONDS)


def keys_of(claims: Claims, limit: int = 10) -> list[str]:
    """The keys that it would claim, without acknowledging any."""
    with claims.claim(limit) as taken:
        return [one.key for one in taken]


def handle_all(claims: Claims) -> None:
    with claims.claim(100) as taken:
        for one in taken:
            assert one.acknowledge()


class TestClaim:
    def test_a_claim_names_what_was_published(self, store: WatchedStore, claims: Claims) -> None:
        """Version and sequence of the publication that is to be handled."""
        store.publish(publication("sales", "1"))
        published = store.publish(publication("sales", "1", signal=True))
        deleted = store.publish(tombstone("hr")) if store.publish(publication("hr", "1")) else None
        assert deleted is not None
        with claims.claim(10) as (sales, hr):
            assert (sales.key, sales.version, sales.parsed_seq) == ("sales", 1, published.parsed_seq)
            assert not sales.is_deleted
            assert (hr.key, hr.version, hr.is_deleted) == ("hr", deleted.version, True)

    def test_the_floor_rises_to_what_is_claimed(
        self, store: WatchedStore, claims: Claims, freshness: Freshness
    ) -> None:
        """S2: acting on an older copy and acknowledging the newer publication would lose it."""
        freshness.certify()
        published = store.publish(publication("sales", "1"))
        with claims.claim(10):
            assert freshness.need("sales") == published.version

    def test_effect_and_acknowledgement_are_committed_together(
        self, store: WatchedStore, claims: Claims
    ) -> None:
        """S2: both when the block ends."""
        store.publish(publication("sales", "1"))
        effects: list[int] = []
        with claims.claim(10) as (claim,):
            claim.connection.at_commit(lambda: effects.append(claim.version))
            assert claim.acknowledge()
            assert effects == []
            assert [one.key for one in store.fresh(0, 10).pointers] == ["sales"]
        assert effects == [1]
        assert keys_of(claims) == []

    def test_a_block_that_raises_has_no_effect(self, store: WatchedStore, claims: Claims) -> None:
        """S2: neither when it raises, and the DAG can be claimed again."""
        store.publish(publication("sales", "1"))
        effects: list[int] = []
        with suppress(ZeroDivisionError), claims.claim(10) as (claim,):
            claim.connection.at_commit(lambda: effects.append(claim.version))
            claim.acknowledge()
            raise ZeroDivisionError
        assert effects == []
        assert keys_of(claims) == ["sales"]

    def test_what_was_not_acknowledged_stays_fresh(self, store: WatchedStore, claims: Claims) -> None:
        """For the next claim, of anybody."""
        store.publish_many([publication(key, "1") for key in "ab"])
        with claims.claim(10) as (first, _):
            assert first.acknowledge()
            assert not first.acknowledge()
        assert keys_of(claims) == ["b"]

    def test_a_publication_after_the_claim_stays_fresh(
        self, store: WatchedStore, claims: Claims, rival: Claims
    ) -> None:
        """S2: the acknowledgement does not cover what nobody acted on."""
        store.publish(publication("sales", "1"))
        with claims.claim(10) as (claim,):
            newer = store.publish(publication("sales", "2"))
            assert claim.acknowledge()
        with rival.claim(10) as (again,):
            assert again.parsed_seq == newer.parsed_seq and again.version == newer.version


class TestSharing:
    def test_oldest_first_up_to_the_limit(self, store: WatchedStore, claims: Claims) -> None:
        """No DAG waits for ever behind younger ones."""
        for key in "bca":
            store.publish(publication(key, "1"))
        assert keys_of(claims, limit=2) == ["b", "c"]

    def test_nobody_claims_what_another_holds(
        self, store: WatchedStore, claims: Claims, rival: Claims
    ) -> None:
        """It takes younger ones instead, as many as it asked for."""
        store.publish_many([publication(key, "1") for key in "abcdefg"])
        with claims.claim(3) as mine:
            assert [one.key for one in mine] == ["a", "b", "c"]
            with rival.claim(3) as theirs:
                assert [one.key for one in theirs] == ["d", "e", "f"]
            assert keys_of(rival, limit=100) == ["d", "e", "f", "g"]
        assert keys_of(rival, limit=2) == ["a", "b"]

    def test_work_left_by_one_is_found_by_all(
        self, store: WatchedStore, claims: Claims, rival: Claims
    ) -> None:
        """Also by a scheduler whose own search had gone past it."""
        store.publish_many([publication(key, "1") for key in "ab"])
        with claims.claim(10) as (first, _):
            assert keys_of(rival) == []
            first.acknowledge()
        assert keys_of(rival) == ["b"]


class TestSearch:
    def test_nothing_fresh_costs_one_query_that_reads_nothing(
        self, store: WatchedStore, claims: Claims
    ) -> None:
        """It begins where everything was found acknowledged, and opens no transaction."""
        store.publish_many([publication(str(number), "1") for number in range(50)])
        handle_all(claims)
        assert keys_of(claims) == []
        store.bounds.clear()
        store.transaction = None  # type: ignore[method-assign, assignment]  # any use is an error
        assert keys_of(claims) == []
        assert store.bounds == [50]

    def test_the_search_begins_at_the_oldest_that_is_fresh(self, store: WatchedStore, claims: Claims) -> None:
        """However long it stays so."""
        store.publish_many([publication(key, "1") for key in "abc"])
        with claims.claim(10) as (a, _, c):
            a.acknowledge()
            c.acknowledge()
        for _ in range(3):
            assert keys_of(claims) == ["b"]
        handle_all(claims)
        assert keys_of(claims) == []

    def test_publishing_again_is_found_by_a_search_that_was_past_it(
        self, store: WatchedStore, claims: Claims
    ) -> None:
        """Its number is above every bound."""
        store.publish_many([publication(key, "1") for key in "abc"])
        handle_all(claims)
        assert keys_of(claims) == []
        store.publish(publication("a", "1", signal=True))
        assert keys_of(claims) == ["a"]

    @pytest.mark.parametrize("is_noticed", [True, False])
    def test_acknowledgements_that_a_restore_took_back_are_found(
        self,
        store: WatchedStore,
        claims: Claims,
        freshness: Freshness,
        clock: ManualClock,
        is_noticed: bool,
    ) -> None:
        """At once when somebody noticed the restore, and after a while when nobody could."""
        freshness.certify()
        store.publish_many([publication(key, "1") for key in "ab"])
        backup = store.backup()
        store.publish(publication("c", "1"))
        handle_all(claims)
        assert keys_of(claims) == []
        freshness.certify()
        store.restore(backup)
        if is_noticed:
            freshness.certify()
        else:
            store.publish_many([publication(key, "1") for key in "cd"])
            assert keys_of(claims) == ["d"]
            clock.sleep(FULL_EVERY_SECONDS)
        assert keys_of(claims)[:2] == ["a", "b"]

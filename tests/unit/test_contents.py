"""`Contents`: from pointers to DAGs, without anything that keeps or certifies."""

from __future__ import annotations

import pytest

from sched_cache.cache import SingleFlight
from sched_cache.contents import Contents
from sched_cache.errors import FormatError, StoreUnavailableError
from sched_cache.format import CompactDag, content_hash_of, encode_dag
from sched_cache.freshness import Freshness
from sched_cache.stats import Stats
from sched_cache.store import Content, Pointer, Publication
from tests.support.clock import ManualClock
from tests.support.format.documents import document
from tests.support.tiers import RecordingL2, WatchedStore


class Deaf:
    """A listener that has no copies."""

    def superseded(self, pointer: Pointer) -> None:
        pass

    def forgotten(self) -> None:
        pass


@pytest.fixture
def store() -> WatchedStore:
    return WatchedStore()


@pytest.fixture
def l2() -> RecordingL2:
    return RecordingL2()


@pytest.fixture
def stats() -> Stats:
    return Stats()


@pytest.fixture
def freshness(store: WatchedStore) -> Freshness:
    return Freshness(store, ManualClock(), Deaf(), max_staleness_seconds=1.0, full_every_seconds=60.0)


@pytest.fixture
def resident() -> dict[str, CompactDag]:
    """The contents of the process, by hash."""
    return {}


@pytest.fixture
def contents(
    store: WatchedStore,
    l2: RecordingL2,
    freshness: Freshness,
    stats: Stats,
    resident: dict[str, CompactDag],
) -> Contents:
    flights: SingleFlight[CompactDag | FormatError] = SingleFlight(ManualClock(), stats.flights, 30.0)
    return Contents(store, l2, freshness, flights, stats, resident.get, max_bytes=1_000_000)


def publish(store: WatchedStore, key: str, edition: int = 1) -> Pointer:
    encoded = encode_dag(document(["a"], dag_id=key, max_active_runs=edition))
    content = Content(encoded.hot, encoded.cold)
    published = store.publish(Publication(key, content, encoded.content_hash))
    return Pointer(key, published.version, published.parsed_seq, published.content_hash)


def test_one_content_and_many_take_one_round_trip_per_tier(
    contents: Contents, store: WatchedStore, l2: RecordingL2
) -> None:
    """The first time from the database, then from Redis."""
    for keys in (["a"], ["b", "c", "d"]):
        pointers = [publish(store, key) for key in keys]
        for queries in (["read_hot"], []):
            store.queries.clear()
            l2.reads.clear()
            loaded = contents.load_many(pointers)
            assert {key: one.content_hash for key, one in loaded.items() if isinstance(one, CompactDag)} == {
                pointer.key: pointer.content_hash for pointer in pointers
            }
            assert store.queries == queries
            assert l2.reads == [[pointer.content_hash for pointer in pointers]]


def test_what_was_published_since_is_learnt_and_not_returned(
    contents: Contents, store: WatchedStore, freshness: Freshness, stats: Stats
) -> None:
    """The caller asked for a content, and gets that one or none."""
    old, other = publish(store, "a", 1), publish(store, "b", 1)
    new = publish(store, "a", 2)
    assert list(contents.load_many([old, other])) == ["b"]
    assert freshness.known.pointers["a"] == new
    assert stats.database.contents_read == 1


def test_a_key_that_is_gone_is_left_out(
    contents: Contents, store: WatchedStore, freshness: Freshness, stats: Stats
) -> None:
    """With a tombstone, which is learnt, or without any row."""
    pointer = publish(store, "a")
    store.publish(Publication("a", None, None))
    assert contents.load_many([pointer]) == {}
    assert freshness.known.pointers["a"].content_hash is None
    assert contents.load_many([Pointer("b", pointer.version, pointer.parsed_seq, "0" * 32)]) == {}
    assert stats.database.absent == 1


def test_a_load_that_landed_meanwhile_is_not_repeated(
    contents: Contents, store: WatchedStore, l2: RecordingL2, resident: dict[str, CompactDag]
) -> None:
    pointer, other = publish(store, "a"), publish(store, "b")
    loaded = contents.load_many([pointer])["a"]
    assert isinstance(loaded, CompactDag)
    resident[loaded.content_hash or ""] = loaded
    l2.reads.clear()
    both = contents.load_many([pointer, other])
    assert both["a"] is loaded
    assert l2.reads == [[other.content_hash]]


def test_keys_that_share_a_content_share_the_load(
    contents: Contents, store: WatchedStore, l2: RecordingL2
) -> None:
    encoded = encode_dag(document(["a"]))
    pointers = []
    for key in ("a", "b"):
        one = store.publish(Publication(key, Content(encoded.hot, encoded.cold), encoded.content_hash))
        pointers.append(Pointer(key, one.version, one.parsed_seq, one.content_hash))
    loaded = contents.load_many(pointers)
    assert loaded["a"] is loaded["b"]
    assert l2.reads == [[encoded.content_hash]]


def test_damage_takes_the_place_of_one_dag(
    contents: Contents,
    store: WatchedStore,
    l2: RecordingL2,
    stats: Stats,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is counted, logged with its key, and not put into Redis."""
    pointers = [publish(store, key) for key in ("a", "b", "c")]
    store.damaged["b"] = encode_dag(document(["x"])).hot
    loaded = contents.load_many(pointers)
    assert [type(loaded[key]) for key in ("a", "b", "c")] == [CompactDag, FormatError, CompactDag]
    assert stats.database.damaged == 1
    assert "'b'" in caplog.text
    assert pointers[1].content_hash not in l2.parts


def test_what_has_the_right_hash_and_is_no_dag_is_damage(contents: Contents, store: WatchedStore) -> None:
    """Such as the cold part, published as the hot one."""
    cold = encode_dag(document(["a"])).cold
    one = store.publish(Publication("a", Content(cold, cold), content_hash_of(cold)))
    good = publish(store, "b")
    loaded = contents.load_many([Pointer("a", one.version, one.parsed_seq, one.content_hash), good])
    assert isinstance(loaded["a"], FormatError)
    assert isinstance(loaded["b"], CompactDag)


def test_no_answer_is_no_absence(contents: Contents, store: WatchedStore, l2: RecordingL2) -> None:
    """Of what Redis has, nobody asks the database."""
    there, missing = publish(store, "a"), publish(store, "b")
    contents.load_many([there])
    store.is_down = True
    assert list(contents.load_many([there])) == ["a"]
    with pytest.raises(StoreUnavailableError):
        contents.load_many([there, missing])

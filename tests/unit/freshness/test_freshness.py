from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sched_cache.errors import StoreUnavailableError
from sched_cache.freshness import Freshness
from sched_cache.store import Pointer, Seq, Version
from tests.contracts.store import digest, publication, tombstone
from tests.support.clock import ManualClock
from tests.unit.freshness.conftest import (
    FULL_EVERY_SECONDS,
    MAX_STALENESS_SECONDS,
    Copies,
    WatchedStore,
)


def pointer(key: str, version: int, parsed_seq: int | None = None, text: str | None = None) -> Pointer:
    """A pointer as some message may tell it."""
    seq = version if parsed_seq is None else parsed_seq
    return Pointer(key, Version(version), Seq(seq), digest(text or str(version)))


class CountingLock:
    """A lock that knows how many want it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.wanted = threading.Semaphore(0)

    def __enter__(self) -> None:
        self.wanted.release()
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def call_while_asking(
    freshness: Freshness, store: WatchedStore, n_calls: int, call: Callable[[], object]
) -> list[object]:
    """Results or errors of `n_calls` threads that called while a first certification was under way."""
    lock = CountingLock()
    freshness._flight = lock  # type: ignore[assignment]  # what of a lock is used
    is_asking, may_answer = threading.Event(), threading.Event()

    def answer_later() -> None:
        is_asking.set()
        assert may_answer.wait(60)

    def result_of() -> object:
        try:
            return call()
        except StoreUnavailableError as error:
            return error

    store.after_snapshot = answer_later
    with ThreadPoolExecutor(n_calls + 1) as threads:
        first = threads.submit(freshness.certify)
        assert is_asking.wait(60)
        store.after_snapshot = lambda: None
        others = [threads.submit(result_of) for _ in range(n_calls)]
        for _ in range(n_calls + 1):
            assert lock.wanted.acquire(timeout=60)
        may_answer.set()
        first.exception(60)
        return [other.result(60) for other in others]


class TestLearning:
    def test_the_floor_is_the_newest_that_was_learnt(self, freshness: Freshness) -> None:
        """S3: whatever comes later and is older."""
        assert freshness.learn(pointer("sales", 5))
        assert not freshness.learn(pointer("sales", 3))
        assert not freshness.learn(pointer("sales", 5))
        assert freshness.known.pointers["sales"].version == 5
        assert freshness.need("sales") == 5

    def test_what_is_needed_is_the_newer_of_floor_and_demand(self, freshness: Freshness) -> None:
        """A work item may know more than we do, and less."""
        freshness.learn(pointer("sales", 5))
        assert [freshness.need("sales", demand) for demand in (0, 4, 5, 6)] == [5, 5, 5, 6]
        assert freshness.need("hr", 6) == 6 and freshness.need("hr") == 0

    @given(news=st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 6)), max_size=12), data=st.data())
    def test_order_and_repetition_do_not_matter(
        self, news: list[tuple[str, int]], data: st.DataObject
    ) -> None:
        """Notifications may be lost, repeated and reordered; losing one is the feed's to repair."""
        # Content changes at 1, 3 and 5; the other numbers are publications of the same content.
        pointers = [pointer(key, seq - (seq + 1) % 2, seq) for key, seq in news]
        once, anyhow = (
            Freshness(WatchedStore(), ManualClock(), Copies(), max_staleness_seconds=1, full_every_seconds=1)
            for _ in range(2)
        )
        for one in sorted(set(pointers), key=lambda one: one.parsed_seq):
            once.learn(one)
        for one in data.draw(st.permutations(pointers * 2)):
            anyhow.learn(one)
        assert once.known.pointers == anyhow.known.pointers

    def test_copies_are_dropped_before_learning_returns(self, freshness: Freshness, copies: Copies) -> None:
        """A read that starts after it can no longer find them; and the floor has risen first."""
        copies.on_superseded = lambda one: self.floors.append(freshness.need(one.key))
        self.floors: list[int] = []
        freshness.learn(pointer("sales", 1))
        freshness.learn(pointer("sales", 3))
        assert [one.version for one in copies.superseded_by] == self.floors == [1, 3]

    def test_publishing_the_same_content_again_keeps_copies(
        self, freshness: Freshness, copies: Copies
    ) -> None:
        """Only the sequence moved."""
        freshness.learn(pointer("sales", 3, 3))
        assert freshness.learn(pointer("sales", 3, 4))
        assert len(copies.superseded_by) == 1
        assert freshness.known.pointers["sales"].parsed_seq == 4


class TestCertification:
    def test_nothing_is_certified_before_the_first_answer(
        self, freshness: Freshness, store: WatchedStore, clock: ManualClock
    ) -> None:
        """A message is no certification: there may be newer ones."""
        store.publish(publication("sales", "1"))
        freshness.learn(pointer("sales", 1))
        assert not freshness.is_certified(clock.now)
        freshness.ensure_certified()
        assert freshness.is_certified(clock.now)
        assert freshness.known.pointers == store.read_pointers(["sales"])

    def test_it_counts_from_before_the_query(
        self, freshness: Freshness, store: WatchedStore, clock: ManualClock
    ) -> None:
        """S4: what is published after the snapshot, while the answer travels, is not in it."""
        began = clock.now

        def travel() -> None:
            store.publish(publication("sales", "1"))
            clock.sleep(MAX_STALENESS_SECONDS + 1)

        store.after_snapshot = travel
        freshness.certify()
        assert freshness.known.certified_at == began
        assert not freshness.is_certified(clock.now)

    def test_it_lasts_as_long_as_staleness_may(
        self, freshness: Freshness, store: WatchedStore, clock: ManualClock
    ) -> None:
        """And not longer; then a read asks again."""
        freshness.certify()
        clock.sleep(MAX_STALENESS_SECONDS)
        freshness.ensure_certified()
        assert len(store.cursors) == 1
        store.publish(publication("sales", "1"))
        clock.sleep(0.001)
        freshness.ensure_certified()
        assert len(store.cursors) == 2
        assert "sales" in freshness.known.pointers

    def test_floors_rise_before_it_counts(
        self, freshness: Freshness, store: WatchedStore, copies: Copies
    ) -> None:
        """A reader on another thread who finds it certified finds the floors."""
        freshness.certify()
        before = freshness.known.certified_at
        seen: list[float] = []
        copies.on_superseded = lambda _: seen.append(freshness.known.certified_at)
        store.publish_many([publication("sales", "1"), publication("hr", "1")])
        freshness._clock.sleep(1)
        freshness.certify()
        assert seen == [before, before]
        assert freshness.known.certified_at == before + 1

    def test_it_asks_only_for_what_is_new(self, freshness: Freshness, store: WatchedStore) -> None:
        """Everything at start; then from the counter of the last answer; and tells what was news."""
        first = store.publish(publication("sales", "1"))
        learnt = freshness.certify()
        assert learnt.is_full and [one.key for one in learnt.pointers] == ["sales"]
        second = store.publish(publication("hr", "1"))
        learnt = freshness.certify()
        assert not learnt.is_full and [one.key for one in learnt.pointers] == ["hr"]
        assert freshness.certify().pointers == ()
        assert store.cursors == [0, first.parsed_seq, second.parsed_seq]

    def test_everything_is_read_again_now_and_then(
        self, freshness: Freshness, store: WatchedStore, clock: ManualClock
    ) -> None:
        """An error in a cursor has no effect after that time."""
        store.publish(publication("sales", "1"))
        freshness.certify()
        del freshness.known.pointers["sales"]
        clock.sleep(FULL_EVERY_SECONDS - 1)
        assert not freshness.certify().is_full
        clock.sleep(1)
        learnt = freshness.certify()
        assert learnt.is_full and [one.key for one in learnt.pointers] == ["sales"]

    def test_everything_is_read_again_on_demand(self, freshness: Freshness, store: WatchedStore) -> None:
        """For whoever met something that cannot be."""
        store.publish(publication("sales", "1"))
        freshness.certify()
        assert freshness.certify(full=True).is_full
        assert not freshness.certify().is_full

    def test_a_tombstone_is_learnt(self, freshness: Freshness, store: WatchedStore, copies: Copies) -> None:
        """Deleted is a version like others."""
        store.publish(publication("sales", "1"))
        freshness.certify()
        deleted = store.publish(tombstone("sales"))
        freshness.certify()
        assert freshness.known.pointers["sales"].content_hash is None
        assert freshness.need("sales") == deleted.version == copies.superseded_by[-1].version

    def test_a_failure_changes_nothing(
        self, freshness: Freshness, store: WatchedStore, clock: ManualClock
    ) -> None:
        """The known versions keep their age, and the next attempt asks for the same changes."""
        published = store.publish(publication("sales", "1"))
        freshness.certify()
        known, certified_at = freshness.known, freshness.known.certified_at
        clock.sleep(MAX_STALENESS_SECONDS + 1)

        def fail() -> None:
            raise StoreUnavailableError("down")

        store.before_snapshot = fail
        for call in (freshness.ensure_certified, freshness.certify):
            with pytest.raises(StoreUnavailableError, match="down"):
                call()
        assert freshness.known is known and known.certified_at == certified_at
        assert known.pointers == store.read_pointers(["sales"])
        store.before_snapshot = lambda: None
        freshness.ensure_certified()
        assert store.cursors[-1] == published.parsed_seq


class TestThreads:
    def test_a_call_never_joins_a_query_that_began_before_it(
        self, freshness: Freshness, store: WatchedStore
    ) -> None:
        """Litmus: a query is on its way, something is published, and who certifies then learns of it."""

        def publish_and_certify() -> object:
            published = store.publish(publication("sales", "1"))
            freshness.certify()
            return freshness.need("sales") >= published.version

        assert call_while_asking(freshness, store, 1, publish_and_certify) == [True]

    def test_calls_that_wait_share_one_query(self, freshness: Freshness, store: WatchedStore) -> None:
        """The one that began after all of them."""
        learnt = call_while_asking(freshness, store, 8, freshness.certify)
        assert len(store.cursors) == 2
        assert all(one is learnt[0] for one in learnt)

    def test_reads_that_wait_need_no_query_of_their_own(
        self, freshness: Freshness, store: WatchedStore
    ) -> None:
        """The answer on its way is new enough for them."""
        call_while_asking(freshness, store, 8, freshness.ensure_certified)
        assert len(store.cursors) == 1

    @pytest.mark.parametrize("call", [Freshness.certify, Freshness.ensure_certified])
    def test_those_who_wait_for_a_failure_share_it(
        self, freshness: Freshness, store: WatchedStore, call: Callable[[Freshness], object]
    ) -> None:
        """They do not each wait for the database again, one after the other."""

        def fail_later() -> None:
            store.before_snapshot = lambda: None
            store.after_snapshot()
            raise StoreUnavailableError("down")

        store.before_snapshot = fail_later
        errors = call_while_asking(freshness, store, 8, lambda: call(freshness))
        assert [str(error) for error in errors] == ["down"] * 8
        assert len(store.cursors) == 1
        call(freshness)
        assert len(store.cursors) == 2

    def test_learning_does_not_wait_for_a_query(self, freshness: Freshness, store: WatchedStore) -> None:
        """Notifications are handled while the database is slow."""
        store.after_snapshot = lambda: self.learnt.append(freshness.learn(pointer("sales", 7)))
        self.learnt: list[bool] = []
        freshness.certify()
        assert self.learnt == [True]

    def test_a_child_is_not_stopped_by_locks_of_its_parent(self, freshness: Freshness) -> None:
        """Another thread held them when the process was forked."""
        with freshness._flight, freshness.floors._lock:
            freshness.reset_after_fork()
            freshness.certify()
            assert freshness.learn(pointer("sales", 7))


class TestPurge:
    def test_a_process_that_missed_a_purged_tombstone_reads_everything(
        self, freshness: Freshness, store: WatchedStore, copies: Copies
    ) -> None:
        """It slept through the deletion and the purge; the DAG is absent now."""
        store.publish_many([publication("sales", "1"), publication("hr", "1")])
        freshness.certify()
        deleted = store.publish(tombstone("sales"))
        with store.transaction() as connection:
            store.acknowledge(connection, "sales", deleted.parsed_seq)
        assert store.purge_tombstones(deleted.parsed_seq) == 1
        learnt = freshness.certify()
        assert learnt.is_full and not learnt.forgot
        assert freshness.known.pointers.keys() == {"hr"}
        assert copies.superseded_by[-1].key == "sales"

    def test_a_process_that_saw_the_tombstone_reads_changes_only(
        self, freshness: Freshness, store: WatchedStore
    ) -> None:
        """Nothing is missing for it."""
        store.publish(publication("sales", "1"))
        deleted = store.publish(tombstone("sales"))
        with store.transaction() as connection:
            store.acknowledge(connection, "sales", deleted.parsed_seq)
        freshness.certify()
        store.purge_tombstones(deleted.parsed_seq)
        assert not freshness.certify().is_full

    def test_a_key_published_while_everything_is_read_is_kept(
        self, freshness: Freshness, store: WatchedStore
    ) -> None:
        """The snapshot is older than the news."""

        def overhear() -> None:
            store.publish(publication("sales", "1"))
            freshness.learn(store.read_pointers(["sales"])["sales"])

        store.after_snapshot = overhear
        assert freshness.certify().is_full
        assert freshness.known.pointers.keys() == {"sales"}


class TestRestoredDatabase:
    @pytest.fixture
    def restore(self, store: WatchedStore) -> Callable[[], None]:
        """Takes the database back to `sales` 1, `hr` 1."""
        store.publish_many([publication("sales", "1"), publication("hr", "1")])
        backup = store.backup()
        return lambda: store.restore(backup)

    def test_a_counter_below_the_cursor_forgets_everything(
        self, freshness: Freshness, store: WatchedStore, copies: Copies, restore: Callable[[], None]
    ) -> None:
        """Floors above what the database has would make every read fail for ever."""
        store.publish(publication("sales", "2"))
        store.publish(publication("it", "1"))
        freshness.certify()
        restore()
        incarnation = store.changes_since(0).incarnation
        learnt = freshness.certify()
        assert learnt.forgot and learnt.is_full and copies.n_forgotten == 1
        assert freshness.known.pointers == store.read_pointers(["sales", "hr", "it"])
        assert store.changes_since(0).incarnation != incarnation
        assert not freshness.certify().forgot

    def test_processes_that_cannot_see_it_are_told(
        self, new_process: Callable[[], Freshness], store: WatchedStore, restore: Callable[[], None]
    ) -> None:
        """Their cursor is below the counter, but what they know may never have been."""
        behind, ahead = new_process(), new_process()
        store.publish(publication("sales", "2"))
        behind.certify()
        store.publish(publication("hr", "2"))
        ahead.certify()
        restore()
        store.publish(publication("sales", "other"))
        assert ahead.certify().forgot
        assert behind.certify().forgot
        assert behind.known.pointers == ahead.known.pointers == store.read_pointers(["sales", "hr"])
        assert not ahead.certify().forgot and not behind.certify().forgot

    def test_nobody_is_certified_while_it_is_found_out(
        self, freshness: Freshness, store: WatchedStore, clock: ManualClock, restore: Callable[[], None]
    ) -> None:
        """Between forgetting and the answer every read waits; a read that began before keeps its answer."""
        store.publish(publication("sales", "2"))
        freshness.certify()
        old = freshness.known
        restore()
        certified: list[bool] = []
        store.before_snapshot = lambda: certified.append(freshness.is_certified(clock.now))
        freshness.certify()
        assert certified == [True, False]
        assert freshness.known is not old
        assert old.pointers["sales"].version == 3 and freshness.is_certified(clock.now)

    @pytest.mark.parametrize("published_since", [["hr", "hr", "hr"], ["sales", "hr", "hr"]])
    def test_another_history_that_has_grown_past_the_cursor_is_found_out(
        self,
        freshness: Freshness,
        store: WatchedStore,
        clock: ManualClock,
        restore: Callable[[], None],
        published_since: list[str],
    ) -> None:
        """Nobody looked in between, so the counter says nothing; but a floor is higher, or another."""
        store.publish(publication("sales", "2"))
        store.publish(publication("it", "1"))
        freshness.certify()
        restore()
        for number, key in enumerate(published_since):
            store.publish(publication(key, f"other {number}"))
        clock.sleep(FULL_EVERY_SECONDS)
        assert freshness.certify().forgot
        assert freshness.known.pointers == store.read_pointers(["sales", "hr", "it"])

    def test_what_is_overheard_meanwhile_is_kept(
        self, freshness: Freshness, store: WatchedStore, restore: Callable[[], None]
    ) -> None:
        """S3: learnt after the query was sent, it belongs to the history that is true now."""
        store.publish_many([publication(key, "2") for key in ("sales", "hr", "it")])
        freshness.certify()
        restore()

        def overhear() -> None:
            store.after_snapshot = lambda: None
            store.publish(publication("hr", "3"))
            freshness.learn(store.read_pointers(["hr"])["hr"])

        store.after_snapshot = overhear
        assert freshness.certify(full=True).forgot
        assert freshness.known.pointers == store.read_pointers(["sales", "hr"])

    @pytest.mark.parametrize("asks_for_everything", [False, True])
    def test_a_lie_is_forgotten(
        self,
        freshness: Freshness,
        store: WatchedStore,
        clock: ManualClock,
        restore: Callable[[], None],
        asks_for_everything: bool,
    ) -> None:
        """A message with a version that never was costs one full read, here only: L."""
        freshness.certify()
        incarnation = store.changes_since(0).incarnation
        freshness.learn(pointer("sales", 10**18))
        freshness.learn(pointer("nobody", 10**18))
        if asks_for_everything:
            clock.sleep(FULL_EVERY_SECONDS)
        assert freshness.certify().forgot
        assert freshness.known.pointers == store.read_pointers(["sales", "hr"])
        assert store.changes_since(0).incarnation == incarnation

    def test_news_that_overtake_the_snapshot_are_no_contradiction(
        self, freshness: Freshness, store: WatchedStore, restore: Callable[[], None]
    ) -> None:
        """A message is faster than the answer: the floor stays up and nothing is forgotten."""
        freshness.certify()
        store.publish(publication("sales", "2"))

        def overhear() -> None:
            store.publish(publication("sales", "3"))
            freshness.learn(store.read_pointers(["sales"])["sales"])

        store.after_snapshot = overhear
        assert not freshness.certify().forgot
        assert freshness.known.pointers["sales"].content_hash == digest("3")
        store.after_snapshot = lambda: None
        assert not freshness.certify().forgot

    def test_two_hashes_for_one_publication_are_looked_into(
        self, freshness: Freshness, store: WatchedStore, restore: Callable[[], None]
    ) -> None:
        """One of two histories: the next certification reads everything."""
        freshness.certify()
        current = freshness.known.pointers["sales"]
        assert not freshness.learn(pointer("sales", current.version, current.parsed_seq, "other"))
        assert freshness.certify().is_full
        assert freshness.known.pointers["sales"] == current

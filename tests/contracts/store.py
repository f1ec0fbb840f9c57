"""The behaviour of every store. The fixture `twin` is the database of `store`, as another process sees it."""

from __future__ import annotations

import hashlib
import random
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as StillRunningError
from contextlib import suppress

import pytest

from sched_cache.errors import InvalidDagError, PublishConflictError
from sched_cache.store import Content, Pointer, Publication, PublicationResult, Store

# Long enough for anything that does not wait for a lock.
MOMENT_SECONDS = 0.5


def publication(key: str, text: str, *, token: int | None = None, signal: bool = False) -> Publication:
    """A publication whose parts and hash follow from `text`."""
    content = Content(f"hot {text}".encode(), f"cold {text}".encode())
    return Publication(key, content, digest(text), token=token, signal=signal)


def digest(text: str) -> str:
    """Stands for the content hash of `text`."""
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def tombstone(key: str, *, token: int | None = None) -> Publication:
    """A deletion."""
    return Publication(key, None, None, token=token)


def is_waiting(future: Future[PublicationResult]) -> bool:
    """Whether it has not ended after a moment."""
    try:
        future.result(timeout=MOMENT_SECONDS)
    except StillRunningError:
        return True
    return False


class PublishingContract:
    """Making contents current."""

    def test_published_content_is_current(self, store: Store, twin: Store) -> None:
        """Another process reads the published content."""
        published = store.publish(publication("sales", "1"))
        pointer = Pointer("sales", published.version, published.parsed_seq, digest("1"))
        assert published.changed
        assert twin.read_pointers(["sales"]) == {"sales": pointer}
        hot, cold = twin.read_hot(["sales"])["sales"], twin.read_cold(["sales"])["sales"]
        whole = twin.read_whole(["sales"])["sales"]
        assert hot.data is not None
        assert cold.data is not None
        assert whole.data == hot.data + cold.data
        assert (hot.pointer, hot.data) == (pointer, b"hot 1")
        assert (cold.pointer, cold.data) == (pointer, b"cold 1")

    def test_version_grows_with_content_and_sequence_with_publication(self, store: Store) -> None:
        """S1: both only grow; the version is the sequence of the last change."""
        history = [
            store.publish(publication("sales", text, signal=True)) for text in ("1", "1", "2", "2", "1")
        ]
        assert [one.changed for one in history] == [True, False, True, False, True]
        assert [one.parsed_seq for one in history] == sorted({one.parsed_seq for one in history})
        assert [int(one.version) for one in history] == [history[n].parsed_seq for n in (0, 0, 2, 2, 4)]

    def test_unchanged_content_without_signal_publishes_nothing(self, store: Store) -> None:
        """The same hash and nobody who wants a signal: the counter stands still."""
        first = store.publish(publication("sales", "1"))
        again = store.publish(publication("sales", "1", token=first.parsed_seq))
        assert again == PublicationResult(first.version, first.parsed_seq, first.content_hash, changed=False)
        assert store.changes_since(0).counter == first.parsed_seq

    def test_numbers_are_unique_across_keys(self, store: Store, twin: Store) -> None:
        """One counter orders everything."""
        numbers = [
            publisher.publish(publication(key, "1")).parsed_seq
            for publisher, key in ((store, "b"), (twin, "a"), (store, "c"), (twin, "d"))
        ]
        assert numbers == sorted(set(numbers))

    def test_token_is_the_last_publication(self, store: Store, twin: Store) -> None:
        """0 before the first one."""
        assert store.token("sales") == 0
        published = twin.publish(publication("sales", "1", token=0))
        assert store.token("sales") == published.parsed_seq

    @pytest.mark.parametrize("late", ["1", "2", "3"])
    def test_old_token_conflicts(self, store: Store, twin: Store, late: str) -> None:
        """S6: who read the file before somebody published may hold an older file, whatever it holds."""
        token = store.token("sales")
        first = twin.publish(publication("sales", "1"))
        newer = twin.publish(publication("sales", "2"))
        with pytest.raises(PublishConflictError) as conflict:
            store.publish(publication("sales", late, token=token))
        assert conflict.value.key == "sales"
        assert (conflict.value.expected_seq, conflict.value.current_seq) == (0, newer.parsed_seq)
        with pytest.raises(PublishConflictError):
            store.publish(publication("sales", late, token=first.parsed_seq))
        assert store.read_hot(["sales"])["sales"].data == b"hot 2"

    def test_of_two_with_one_token_one_conflicts(self, store: Store, twin: Store) -> None:
        """S6 under concurrency, also where there is no row to lock yet."""
        for round_number, token in enumerate([0, None, None]):
            token = store.token("sales") if token is None else token
            start = threading.Barrier(2)

            def publish(
                publisher: Store,
                text: str,
                token: int = token,
                start: threading.Barrier = start,
                number: int = round_number,
            ) -> bool:
                start.wait()
                try:
                    publisher.publish(publication("sales", f"{number} {text}", token=token))
                except PublishConflictError:
                    return False
                return True

            with ThreadPoolExecutor(2) as threads:
                won = list(threads.map(publish, [store, twin], ["a", "b"]))
            assert sorted(won) == [False, True]

    def test_many_are_published_together_or_not_at_all(self, store: Store) -> None:
        """One conflict: nothing of the others is there."""
        store.publish(publication("b", "1"))
        batch = [publication("c", "1"), publication("a", "1", token=0), publication("b", "2", token=0)]
        with pytest.raises(PublishConflictError):
            store.publish_many(batch)
        assert [one.key for one in store.changes_since(0).pointers] == ["b"]

    def test_many_are_answered_in_their_order(self, store: Store) -> None:
        """Unchanged, signalled, changed, new and deleted ones in one transaction."""
        store.publish_many([publication(key, "1") for key in "abcd"])
        batch = [
            publication("e", "1"),
            publication("b", "1", signal=True),
            tombstone("d"),
            publication("a", "1"),
            publication("c", "2"),
        ]
        answers = store.publish_many(batch)
        assert [one.changed for one in answers] == [True, False, True, False, True]
        assert [one.content_hash for one in answers] == [
            digest("1"),
            digest("1"),
            None,
            digest("1"),
            digest("2"),
        ]
        pointers = store.read_pointers("abcde")
        for one, answer in zip(batch, answers, strict=True):
            pointer = pointers[one.key]
            assert (answer.version, answer.parsed_seq) == (pointer.version, pointer.parsed_seq)

    def test_a_key_cannot_be_published_twice_at_once(self, store: Store) -> None:
        """Which of them would be current?"""
        with pytest.raises(ValueError, match="'sales' is published twice"):
            store.publish_many([publication("sales", "1"), publication("sales", "2")])

    def test_deleting_publishes_a_tombstone(self, store: Store, twin: Store) -> None:
        """A new version without content, which other processes learn of like of any other."""
        cursor = store.publish(publication("sales", "1")).parsed_seq
        deleted = store.publish(tombstone("sales", token=cursor))
        pointer = Pointer("sales", deleted.version, deleted.parsed_seq, None)
        assert deleted.changed and deleted.version > cursor
        assert twin.changes_since(cursor).pointers == (pointer,)
        stored = twin.read_hot(["sales"])["sales"]
        assert twin.read_whole(["sales"])["sales"] == stored
        assert (stored.pointer, stored.data) == (pointer, None)
        again = store.publish(publication("sales", "1", token=deleted.parsed_seq))
        assert again.changed and again.version > deleted.version
        assert twin.read_hot(["sales"])["sales"].data == b"hot 1"

    @pytest.mark.parametrize("signal", [False, True])
    def test_deleting_what_is_absent_changes_nothing(self, store: Store, signal: bool) -> None:
        """It stays absent: no row, no number."""
        assert store.publish(Publication("sales", None, None, signal=signal)) == PublicationResult(
            0, 0, None, False
        )  # type: ignore[arg-type]  # plain numbers
        assert store.changes_since(0).pointers == ()
        assert store.token("sales") == 0


class ReadingContract:
    """Keys and bytes come back as they went in."""

    def test_absent_keys_are_missing(self, store: Store) -> None:
        """Not None, not an error."""
        store.publish(publication("sales", "1"))
        assert store.read_pointers(["sales", "hr"]).keys() == {"sales"}
        assert store.read_hot(["sales", "hr"]).keys() == {"sales"}
        assert store.read_cold([]) == {}

    def test_keys_are_exact(self, store: Store) -> None:
        """No database folds case, accents or spaces."""
        keys = [
            "sales",
            "Sales",
            "sáles",
            "säles",
            " sales",
            "sales.1",
            "s'ales",
            's"ales',
            "%s",
            ":sales",
            "销售",
        ]
        keys += ["s" * 250, "销" * 250, "sales\t", "\U0001f600"]
        for key in keys:
            store.publish(publication(key, key))
        assert {one.key for one in store.changes_since(0).pointers} == set(keys)
        found = store.read_hot(keys)
        assert {key: found[key].data for key in keys} == {key: f"hot {key}".encode() for key in keys}
        assert store.read_hot(["SALES", "sales ", "sale_"]) == {}

    @pytest.mark.parametrize("key", ["", "s" * 251, "sales ", "sa\0les", "sa\udc80les"])
    def test_keys_that_some_database_would_alter_are_refused(self, key: str) -> None:
        """Before anything is sent."""
        with pytest.raises(InvalidDagError):
            publication(key, "1")

    @pytest.mark.parametrize("key", ["", "s" * 251, "sales ", "sa\0les", "sa\udc80les"])
    def test_keys_that_cannot_be_published_are_absent(self, store: Store, key: str) -> None:
        """Asking for one is no error."""
        store.publish(publication("sales", "1"))
        assert store.token(key) == 0
        assert store.read_hot([key]) == {}

    def test_bytes_are_exact(self, store: Store) -> None:
        """Every byte value, and nothing at all."""
        content = Content(bytes(range(256)) * 3, b"")
        store.publish(Publication("sales", content, digest("1")))
        assert store.read_hot(["sales"])["sales"].data == content.hot
        assert store.read_cold(["sales"])["sales"].data == content.cold
        assert store.read_whole(["sales"])["sales"].data == content.hot + content.cold

    def test_large_and_small_contents_at_once(self, store: Store) -> None:
        """However they are divided into statements."""
        sizes = {"a": 10, "b": 700_000, "c": 700_000, "d": 10, "e": 3_000_000, "f": 0, "g": 10}
        store.publish_many(
            [
                Publication(key, Content(key.encode() * size, key.encode()), digest(key))
                for key, size in sizes.items()
            ]
        )
        assert {key: one.data for key, one in store.read_hot(sizes).items()} == {
            key: key.encode() * size for key, size in sizes.items()
        }

    def test_more_keys_than_one_query_takes(self, store: Store) -> None:
        """Paging is the store's business."""
        keys = [f"dag_{number}" for number in range(1203)]
        store.publish_many([publication(key, key) for key in keys])
        assert store.read_pointers(keys).keys() == set(keys)
        assert {key: one.data for key, one in store.read_cold(keys).items()} == {
            key: f"cold {key}".encode() for key in keys
        }

    def test_a_pointer_and_its_content_are_of_one_version(self, store: Store, twin: Store) -> None:
        """S7: nobody ever sees the hash of one and the bytes of another."""
        store.publish(publication("sales", "0"))
        done = threading.Event()

        def read() -> set[tuple[str | None, bytes | None]]:
            seen = set()
            while not done.is_set():
                stored = twin.read_hot(["sales"])["sales"]
                seen.add((stored.pointer.content_hash, stored.data))
            return seen

        with ThreadPoolExecutor(1) as threads:
            seen = threads.submit(read)
            for number in range(50):
                store.publish(publication("sales", str(number)))
            done.set()
        assert all(
            data is not None and content_hash == digest(data[4:].decode())
            for content_hash, data in seen.result()
        )


class JoiningContract:
    """Publishing inside a transaction that the caller has open."""

    def test_a_joined_publication_is_true_with_the_commit(self, store: Store, twin: Store) -> None:
        """And invisible before."""
        with store.transaction() as connection:
            published = store.publish(publication("sales", "1", token=0), connection)
            assert twin.changes_since(0).pointers == ()
            assert twin.token("sales") == 0
        assert twin.read_pointers(["sales"])["sales"].version == published.version
        assert twin.read_hot(["sales"])["sales"].data == b"hot 1"

    def test_a_joined_publication_is_undone_with_the_rollback(self, store: Store) -> None:
        """Nothing of it is left: no row, no content, no number."""
        before = store.publish(publication("sales", "1"))
        with suppress(ZeroDivisionError), store.transaction() as connection:
            store.publish_many([publication("sales", "2"), publication("hr", "1")], connection)
            raise ZeroDivisionError
        changes = store.changes_since(0)
        assert [one.key for one in changes.pointers] == ["sales"]
        assert changes.counter == before.parsed_seq
        assert store.read_hot(["sales"])["sales"].data == b"hot 1"
        assert store.token("hr") == 0

    def test_a_conflict_leaves_the_callers_transaction_whole(self, store: Store) -> None:
        """The caller may commit what else it wrote; of the publications there is nothing."""
        store.publish(publication("sales", "1"))
        with store.transaction() as connection:
            with pytest.raises(PublishConflictError):
                store.publish_many([publication("hr", "1"), publication("sales", "2", token=0)], connection)
            store.publish(publication("it", "1"), connection)
        assert [one.key for one in store.changes_since(0).pointers] == ["sales", "it"]
        assert store.read_pointers(["hr"]) == {}

    def test_two_publications_in_one_transaction(self, store: Store) -> None:
        """The second one builds on the first."""
        with store.transaction() as connection:
            first = store.publish(publication("sales", "1"), connection)
            second = store.publish(publication("sales", "2", token=first.parsed_seq), connection)
        assert store.read_pointers(["sales"])["sales"].version == second.version > first.version


class FeedContract:
    """The change feed, which may not lose a row."""

    def test_changes_are_what_was_published_since(self, store: Store, twin: Store) -> None:
        """By rising sequence, each key once, with its current pointer."""
        store.publish_many([publication(key, "1") for key in "abc"])
        cursor = twin.changes_since(0).counter
        assert twin.changes_since(cursor).pointers == ()
        store.publish(publication("c", "2"))
        store.publish(publication("a", "2"))
        store.publish(publication("c", "3"))
        store.publish(publication("b", "1", signal=True))
        changes = twin.changes_since(cursor)
        assert [one.key for one in changes.pointers] == ["a", "c", "b"]
        assert changes.pointers == tuple(store.read_pointers([key])[key] for key in "acb")
        assert changes.counter == changes.pointers[-1].parsed_seq
        assert twin.changes_since(changes.counter).pointers == ()

    def test_a_later_publisher_waits_for_an_earlier_one(self, store: Store, twin: Store) -> None:
        """Otherwise the feed would pass the later number, and never see the earlier one."""
        with ThreadPoolExecutor(1) as threads:
            with store.transaction() as connection:
                slow = store.publish(publication("slow", "1"), connection)
                fast = threads.submit(twin.publish, publication("fast", "1"))
                assert is_waiting(fast)
                changes = store.changes_since(0)
                assert changes.pointers == () and changes.counter < slow.parsed_seq
            assert fast.result().parsed_seq > slow.parsed_seq
        assert [one.key for one in store.changes_since(changes.counter).pointers] == ["slow", "fast"]

    def test_the_feed_loses_nothing_under_load(self, store: Store, twin: Store) -> None:
        """Every publication of four writers is seen by a reader that only asks for what is new."""
        n_writers, n_each = 4, 25
        finished = threading.Event()

        def write(writer: int) -> list[tuple[str, int]]:
            choose = random.Random(writer)
            sequences: list[tuple[str, int]] = []
            for number in range(n_each):
                key = f"dag {choose.randrange(6)}"
                content = publication(key, f"{writer} {number}")
                sequences.append((key, (store if writer % 2 else twin).publish(content).parsed_seq))
            return sequences

        def follow() -> dict[str, int]:
            seen: dict[str, int] = {}
            cursor, is_last = 0, False
            while not is_last:
                is_last = finished.is_set()
                changes = twin.changes_since(cursor)
                for one in changes.pointers:
                    # Strictly newer, or the row would have been in an earlier answer.
                    assert cursor < one.parsed_seq <= changes.counter
                    seen[one.key] = one.parsed_seq
                cursor = changes.counter
                # Nothing at or below the cursor may appear later.
                everything = {one.key: one.parsed_seq for one in twin.changes_since(0).pointers}
                assert all(seen.get(key) == seq for key, seq in everything.items() if seq <= cursor)
            return seen

        with ThreadPoolExecutor(n_writers + 1) as threads:
            following = threads.submit(follow)
            try:
                written = [one for ones in threads.map(write, range(n_writers)) for one in ones]
            finally:
                finished.set()
            seen = following.result()
        assert len({seq for _, seq in written}) == n_writers * n_each
        assert seen == {key: max(seq for other, seq in written if other == key) for key, _ in written}


class FlagContract:
    """Fresh flags: raised by a publication, lowered by an acknowledgement of it."""

    def test_a_publication_is_fresh_until_it_is_acknowledged(self, store: Store, twin: Store) -> None:
        """S2: and only the acknowledgement lowers the flag."""
        published = store.publish(publication("sales", "1"))
        assert [one.key for one in twin.fresh(0, 10).pointers] == ["sales"]
        with store.transaction() as connection:
            assert store.acknowledge(connection, "sales", published.parsed_seq)
        assert twin.fresh(0, 10).pointers == ()
        store.publish(publication("sales", "1", signal=True))
        assert [one.key for one in twin.fresh(0, 10).pointers] == ["sales"]

    def test_a_publication_after_the_one_taken_stays_fresh(self, store: Store) -> None:
        """The acknowledgement goes as far as what was taken."""
        taken = store.publish(publication("sales", "1"))
        newer = store.publish(publication("sales", "2"))
        with store.transaction() as connection:
            assert store.acknowledge(connection, "sales", taken.parsed_seq)
        (pointer,) = store.fresh(0, 10).pointers
        assert pointer.parsed_seq == newer.parsed_seq

    def test_an_acknowledgement_never_passes_the_publication(self, store: Store) -> None:
        """S1: a number nobody published acknowledges nothing."""
        published = store.publish(publication("sales", "1"))
        store.publish(publication("hr", "1"))
        with store.transaction() as connection:
            assert not store.acknowledge(connection, "sales", published.parsed_seq + 1)
            assert not store.acknowledge(connection, "absent", 1)
        assert [one.key for one in store.fresh(0, 10).pointers] == ["sales", "hr"]

    def test_an_acknowledgement_is_never_taken_back(self, store: Store) -> None:
        """S1: an older one that comes late changes nothing."""
        older = store.publish(publication("sales", "1"))
        newer = store.publish(publication("sales", "2"))
        with store.transaction() as connection:
            assert store.acknowledge(connection, "sales", newer.parsed_seq)
            assert not store.acknowledge(connection, "sales", newer.parsed_seq)
        with store.transaction() as connection:
            assert not store.acknowledge(connection, "sales", older.parsed_seq)
        assert store.fresh(0, 10).pointers == ()

    def test_an_acknowledgement_is_undone_with_the_effect(self, store: Store) -> None:
        """S2: both in one transaction, or the flag would be lost with a crash."""
        published = store.publish(publication("sales", "1"))
        with suppress(ZeroDivisionError), store.transaction() as connection:
            store.acknowledge(connection, "sales", published.parsed_seq)
            raise ZeroDivisionError
        assert [one.key for one in store.fresh(0, 10).pointers] == ["sales"]

    def test_fresh_ones_come_oldest_first(self, store: Store) -> None:
        """Up to the limit, and above the bound."""
        store.publish_many([publication(key, "1") for key in "abcd"])
        store.publish(publication("a", "2"))
        page = store.fresh(0, 2)
        assert [one.key for one in page.pointers] == ["b", "c"]
        rest = store.fresh(page.pointers[-1].parsed_seq, 10)
        assert [one.key for one in rest.pointers] == ["d", "a"]
        assert rest.counter == rest.pointers[-1].parsed_seq == page.counter
        assert rest.incarnation == store.changes_since(0).incarnation

    def test_what_was_acknowledged_meanwhile_is_not_locked(self, store: Store) -> None:
        """Between the question and the lock another scheduler was faster."""
        store.publish_many([publication(key, "1") for key in "ab"])
        page = store.fresh(0, 10)
        with store.transaction() as connection:
            store.acknowledge(connection, "a", page.pointers[0].parsed_seq)
        with store.transaction() as connection:
            assert [one.key for one in store.lock_fresh(connection, page.pointers)] == ["b"]

    def test_locks_end_with_the_transaction(self, store: Store, twin: Store) -> None:
        """Also when it was rolled back."""
        store.publish(publication("sales", "1"))
        page = store.fresh(0, 10)
        with suppress(ZeroDivisionError), store.transaction() as connection:
            assert store.lock_fresh(connection, page.pointers) == list(page.pointers)
            raise ZeroDivisionError
        with twin.transaction() as connection:
            assert twin.lock_fresh(connection, page.pointers) == list(page.pointers)

    def test_each_publication_is_handled_once(self, store: Store, twin: Store) -> None:
        """Four claimers at once: no publication has two effects, none is lost."""
        store.publish_many([publication(f"dag {number}", "1") for number in range(40)])
        handled: list[str] = []

        def work(claimer: Store) -> None:
            while pointers := claimer.fresh(0, 5).pointers:
                with claimer.transaction() as connection:
                    for one in claimer.lock_fresh(connection, pointers):
                        handled.append(one.key)
                        assert claimer.acknowledge(connection, one.key, one.parsed_seq)

        with ThreadPoolExecutor(4) as threads:
            list(threads.map(work, [store, twin, store, twin]))
        assert sorted(handled) == sorted(f"dag {number}" for number in range(40))


class ConcurrentFlagContract:
    """For databases with locks on rows."""

    def test_two_claimers_share_the_work(self, store: Store, twin: Store) -> None:
        """Each claimer skips the rows that the other one has locked, without waiting."""
        store.publish_many([publication(key, "1") for key in "abcd"])
        page = store.fresh(0, 10)
        with store.transaction() as mine, twin.transaction() as theirs:
            assert [one.key for one in store.lock_fresh(mine, page.pointers[:2])] == ["a", "b"]
            assert [one.key for one in twin.lock_fresh(theirs, page.pointers)] == ["c", "d"]

    def test_a_claim_does_not_keep_processors_waiting(self, store: Store, twin: Store) -> None:
        """Schedulers never block processors; what is published meanwhile stays fresh."""
        store.publish(publication("sales", "1"))
        page = store.fresh(0, 10)
        with store.transaction() as connection:
            (claimed,) = store.lock_fresh(connection, page.pointers)
            newer = twin.publish(publication("sales", "2"))
            twin.publish(publication("hr", "1"))
            store.acknowledge(connection, "sales", claimed.parsed_seq)
        fresh = {one.key: one.parsed_seq for one in store.fresh(0, 10).pointers}
        assert fresh["sales"] == newer.parsed_seq and "hr" in fresh


class TombstoneContract:
    """Forgetting deleted DAGs for good."""

    @pytest.fixture
    def deleted(self, store: Store) -> Iterator[dict[str, int]]:
        """Tombstones of `old`, `late` and `unhandled`; only the last is still fresh."""
        store.publish_many([publication(key, "1") for key in ("old", "late", "unhandled", "alive")])
        sequences: dict[str, int] = {}
        for key in ("old", "unhandled", "late"):
            sequences[key] = store.publish(tombstone(key)).parsed_seq
        with store.transaction() as connection:
            for key in ("old", "late"):
                store.acknowledge(connection, key, sequences[key])
        yield sequences

    def test_old_handled_tombstones_are_purged(self, store: Store, deleted: dict[str, int]) -> None:
        """Not later ones, not those nobody has handled, not the living."""
        assert store.purge_tombstones(deleted["unhandled"]) == 1
        changes = store.changes_since(0)
        assert {one.key for one in changes.pointers} == {"late", "unhandled", "alive"}
        assert store.purge_tombstones(deleted["unhandled"]) == 0

    def test_who_may_have_missed_a_purged_tombstone_is_told(
        self, store: Store, deleted: dict[str, int]
    ) -> None:
        """Its cursor is older than the purge."""
        assert store.changes_since(0).is_complete_after(1)
        store.purge_tombstones(deleted["unhandled"])
        changes = store.changes_since(1)
        assert not changes.is_complete_after(1)
        assert changes.is_complete_after(deleted["unhandled"]) and changes.is_complete_after(0)

    def test_a_purged_key_begins_above_its_past(self, store: Store, deleted: dict[str, int]) -> None:
        """Versions are never used twice, so a copy from before cannot be taken for the new one."""
        store.purge_tombstones(deleted["late"])
        assert store.token("old") == 0
        again = store.publish(publication("old", "1", token=0))
        assert again.changed and again.version > max(deleted.values())
        assert "old" in {one.key for one in store.fresh(0, 10).pointers}


class IncarnationContract:
    """Saying that the database went back in time."""

    def test_the_incarnation_is_changed_once(self, store: Store, twin: Store) -> None:
        """Two who notice at once name one new history."""
        old = store.changes_since(0).incarnation
        new = store.new_incarnation(old)
        assert new != old
        assert twin.new_incarnation(old) == new
        assert twin.changes_since(0).incarnation == new

    def test_publishing_goes_on_from_where_the_database_is(self, store: Store) -> None:
        """The counter is not reset: the keys that survived keep their order."""
        before = store.publish(publication("sales", "1"))
        store.new_incarnation(store.changes_since(0).incarnation)
        assert store.publish(publication("sales", "2", token=before.parsed_seq)).version > before.version


class StoreContract(
    PublishingContract,
    ReadingContract,
    JoiningContract,
    FeedContract,
    FlagContract,
    TombstoneContract,
    IncarnationContract,
):
    """Everything that holds on every store."""

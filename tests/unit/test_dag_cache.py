"""`DagCache`: the tiers and the freshness protocol together, as a scheduler and a processor use them."""

from __future__ import annotations

import gc
import json
import os
import threading
import warnings
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import Engine

from sched_cache import (
    ColdPartMissingError,
    Config,
    DagCache,
    FormatError,
    InvalidDagError,
    PublishConflictError,
    StoreUnavailableError,
    VersionNotFoundError,
)
from sched_cache.format import FORMAT_VERSION, CompactDag, compress, encode_dag
from sched_cache.store import Content, Pointer, Publication
from sched_cache.store.redis.fake import open_fake_client
from tests.support.clock import ManualClock
from tests.support.format.documents import document
from tests.support.tiers import RecordingL2, WatchedStore

PATIENCE_SECONDS = 20.0
MAX_STALENESS_SECONDS = 1.0


def sales(edition: int = 1, **fields: Any) -> dict[str, Any]:
    """A DAG; `max_active_runs`, which is hot, tells its edition, and `doc_md`, which is cold, too."""
    given = {"dag_id": "sales", "max_active_runs": edition, "doc_md": f"# Edition {edition}"}
    return document(["extract", "load"], **(given | fields))


def edition_of(dag: CompactDag | None) -> int | None:
    return None if dag is None else dag.field("max_active_runs")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def store() -> WatchedStore:
    return WatchedStore()


@pytest.fixture
def l2() -> RecordingL2:
    return RecordingL2()


@pytest.fixture
def new_cache(store: WatchedStore, l2: RecordingL2, clock: ManualClock) -> Callable[..., DagCache]:
    """Makes what another process of the same cluster has."""

    def start(**options: Any) -> DagCache:
        config = Config(max_staleness_seconds=MAX_STALENESS_SECONDS, **options)
        return DagCache(config, store, l2, clock=clock)

    return start


@pytest.fixture
def cache(new_cache: Callable[..., DagCache]) -> DagCache:
    """A scheduler's."""
    return new_cache()


@pytest.fixture
def processor(new_cache: Callable[..., DagCache]) -> DagCache:
    return new_cache()


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """SQLite, and a Redis that no other test has."""
    return Config(database_url=f"sqlite:///{tmp_path / 'dags.db'}", redis_url=f"fake://{tmp_path.name}")


@pytest.fixture
def host(config: Config) -> Iterator[Engine]:
    """The host's own connections to the database that the cache is in, and a table of its own."""
    with DagCache.open(config) as cache:
        cache.store.init_db()
    engine = create_engine(config.database_url, future=True)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE effect (what VARCHAR(10))"))
    yield engine
    engine.dispose()


def effects(host: Engine) -> int:
    with host.connect() as connection:
        return connection.execute(text("SELECT count(*) FROM effect")).scalar_one()


def write_effect(connection: Any) -> None:
    connection.execute(text("INSERT INTO effect VALUES ('run')"))


class TestOnSqlite:
    """The whole of it, nothing replaced."""

    def test_everything_in_the_order_of_a_days_work(self, config: Config) -> None:
        """The example of the documentation."""
        cache = DagCache.open(config)
        token = cache.token("sales")
        assert token == 0
        published = cache.publish("sales", sales(), token=token)
        assert published.changed
        assert published.version == published.parsed_seq == cache.token("sales")
        assert published.content_hash == encode_dag(sales()).content_hash
        with pytest.raises(PublishConflictError):
            cache.publish("sales", sales(2), token=token)

        assert edition_of(cache.get("sales", min_version=0)) == 1
        assert list(cache.get_many(["sales", "hr"]).values())[1] is None
        assert cache.certify().pointers == ()
        with cache.claim(limit=20) as claims:
            for claim in claims:
                assert edition_of(cache.get(claim.key, min_version=claim.version)) == 1
                assert claim.acknowledge()
        with cache.claim(limit=20) as claims:
            assert claims == []

        cache.delete("sales")
        assert cache.get("sales") is None
        assert cache.stats()["database"]["published"] == 2
        cache.close()

    def test_a_publication_of_the_hosts_transaction_is_there_when_the_host_commits(
        self, config: Config, host: Engine
    ) -> None:
        """And it is told when the caller says that it has committed."""
        with DagCache.open(config) as cache, DagCache.open(config) as scheduler:
            assert scheduler.get("sales") is None
            with host.begin() as connection:
                published = cache.publish("sales", sales(), connection=connection)
                write_effect(connection)
                assert scheduler.token("sales") == 0
                assert cache.floor("sales") is None
            cache.announce(published)
            assert cache.floor("sales") == Pointer(
                "sales", published.version, published.parsed_seq, published.content_hash
            )
            assert edition_of(scheduler.get("sales", published.version)) == 1
            assert effects(host) == 1

    def test_a_publication_goes_with_the_rollback_of_the_host(self, config: Config, host: Engine) -> None:
        with DagCache.open(config) as cache:
            with host.connect() as connection:
                cache.publish("sales", sales(), connection=connection)
                write_effect(connection)
                connection.rollback()
            assert (cache.token("sales"), effects(host)) == (0, 0)
            assert cache.get("sales") is None

    @pytest.mark.parametrize("is_committed", [True, False])
    def test_an_acknowledgement_shares_the_fate_of_the_hosts_transaction(
        self, config: Config, host: Engine, is_committed: bool
    ) -> None:
        with DagCache.open(config) as cache:
            published = cache.publish("sales", sales())
            with host.connect() as connection:
                write_effect(connection)
                assert cache.store.acknowledge(connection, "sales", published.parsed_seq)
                (connection.commit if is_committed else connection.rollback)()
            with cache.claim() as claims:
                assert (len(claims), effects(host)) == ((0, 1) if is_committed else (1, 0))

    def test_the_effect_and_the_acknowledgement_of_a_claim_are_one(
        self, config: Config, host: Engine
    ) -> None:
        """A block that raises leaves neither."""
        with DagCache.open(config) as cache:
            cache.publish("sales", sales())
            for error in (ValueError("the effect failed"), None):
                try:
                    with cache.claim() as claims:
                        write_effect(claims[0].connection)
                        claims[0].acknowledge()
                        if error:
                            raise error
                except ValueError:
                    assert effects(host) == 0
            assert effects(host) == 1
            with cache.claim() as claims:
                assert claims == []

    def test_a_redis_value_that_is_not_its_content_is_never_returned(self, config: Config) -> None:
        """It is counted, and replaced by what the database has."""
        redis = open_fake_client(config.redis_url.removeprefix("fake://"))  # type: ignore[union-attr]
        with DagCache.open(config) as processor, DagCache.open(config) as cache:
            published = processor.publish("sales", sales())
            name = f"{config.namespace}:{FORMAT_VERSION}:{published.content_hash}"
            right = redis.get(name)
            assert right is not None
            for wrong in (compress(encode_dag(sales(666)).hot), b"", right[:-1], b"\xff" * 100):
                redis.set(name, wrong)
                with DagCache.open(config) as other:
                    assert edition_of(other.get("sales")) == 1
                    assert edition_of(other.get_many(["sales", "hr"])["sales"]) == 1
                    assert other.stats()["redis"]["damaged"] == 1
                    assert other.stats()["database"]["contents_read"] == 1
                assert redis.get(name) == right
            assert edition_of(cache.get("sales")) == 1
            assert cache.stats()["database"]["contents_read"] == 0

    def test_a_forked_child_reads(self, config: Config) -> None:
        """What its parent had, and what is published after the fork."""
        with DagCache.open(config) as cache:
            cache.publish("sales", sales())
            assert edition_of(cache.get("sales")) == 1

            def child() -> bool:
                inherited = edition_of(cache.get("sales")) == 1
                published = cache.publish("hr", sales(dag_id="hr"))
                return inherited and edition_of(cache.get("hr", published.version)) == 1

            assert exit_status_of_child(child) == 0
            cache.certify()
            assert edition_of(cache.get("hr")) == 1

    def test_a_block_closes_it(self, config: Config) -> None:
        """No thread of it is left."""
        before = threading.active_count()
        with DagCache.open(config) as cache:
            cache.get("sales")
            assert threading.active_count() > before
        assert threading.active_count() == before


def exit_status_of_child(body: Callable[[], bool]) -> int:
    """0 if `body` is true in a forked child."""
    with warnings.catch_warnings():
        # That there are threads is the point.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        try:
            os._exit(0 if body() else 1)
        except BaseException:
            os._exit(2)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


class TestReading:
    def test_a_hit_asks_nobody(self, cache: DagCache, store: WatchedStore, l2: RecordingL2) -> None:
        """And returns the same object."""
        cache.publish("sales", sales())
        first = cache.get("sales")
        store.queries.clear()
        l2.reads.clear()
        assert cache.get("sales") is first
        assert cache.get_many(["sales"]) == {"sales": first}
        assert (store.queries, l2.reads) == ([], [])

    def test_a_cold_process_with_redis_asks_each_tier_once(
        self, cache: DagCache, processor: DagCache, store: WatchedStore, l2: RecordingL2
    ) -> None:
        """One query for all pointers, one batch for all contents; the database is not asked for those."""
        keys = [f"dag_{number}" for number in range(50)]
        for number, key in enumerate(keys):
            processor.publish(key, sales(number, dag_id=key))
        store.queries.clear()
        found = cache.get_many([*keys, "none", *keys])
        assert [edition_of(found[key]) for key in keys] == list(range(50))
        assert set(found) == {*keys, "none"}
        assert found["none"] is None
        assert store.queries == ["changes_since"]
        assert [len(reads) for reads in l2.reads] == [50]

    def test_what_redis_lacks_is_one_query(
        self, cache: DagCache, processor: DagCache, store: WatchedStore, l2: RecordingL2
    ) -> None:
        keys = [f"dag_{number}" for number in range(50)]
        for number, key in enumerate(keys):
            processor.publish(key, sales(number, dag_id=key))
        for number in range(0, 50, 2):
            del l2.parts[encode_dag(sales(number, dag_id=keys[number])).content_hash]
        store.queries.clear()
        found = cache.get_many(keys)
        assert [edition_of(found[key]) for key in keys] == list(range(50))
        assert store.queries == ["changes_since", "read_hot"]
        assert cache.stats()["database"]["contents_read"] == 25

    def test_nothing_asked_for_is_nothing_loaded(self, cache: DagCache, l2: RecordingL2) -> None:
        assert cache.get_many([]) == {}
        assert l2.reads == []

    def test_one_content_under_many_keys_is_loaded_once(
        self, cache: DagCache, processor: DagCache, l2: RecordingL2
    ) -> None:
        for key in ("a", "b", "c"):
            processor.publish(key, sales())
        found = cache.get_many(["a", "b"])
        assert found["a"] is found["b"] is cache.get("c")
        assert len(l2.reads) == 1

    def test_a_version_that_the_process_has_not_heard_of_is_asked_for(
        self, cache: DagCache, processor: DagCache, store: WatchedStore
    ) -> None:
        """Although the last certification is young enough for everybody else."""
        processor.publish("sales", sales(1))
        assert edition_of(cache.get("sales")) == 1
        newer = processor.publish("sales", sales(2))
        assert edition_of(cache.get("sales")) == 1
        assert edition_of(cache.get("sales", min_version=newer.version)) == 2
        assert edition_of(cache.get("sales")) == 2

    def test_a_version_that_the_database_does_not_have_is_an_error(self, cache: DagCache) -> None:
        """Its attributes say what was asked for and what there is."""
        published = cache.publish("sales", sales())
        for key, current in (("sales", published.version), ("hr", 0)):
            with pytest.raises(VersionNotFoundError) as caught:
                cache.get(key, min_version=99)
            assert (caught.value.key, caught.value.min_version) == (key, 99)
            assert caught.value.current_version == current

    def test_within_the_bound_of_staleness_a_change_is_seen(
        self, cache: DagCache, processor: DagCache, clock: ManualClock
    ) -> None:
        """Without any message."""
        processor.publish("sales", sales(1))
        assert edition_of(cache.get("sales")) == 1
        processor.publish("sales", sales(2))
        clock.now += MAX_STALENESS_SECONDS + 0.001
        assert edition_of(cache.get("sales")) == 2

    def test_a_message_is_believed_at_once(
        self, cache: DagCache, processor: DagCache, l2: RecordingL2, store: WatchedStore
    ) -> None:
        processor.publish("sales", sales(1))
        assert edition_of(cache.get("sales")) == 1
        processor.publish("sales", sales(2))
        tell(l2, cache)
        assert edition_of(cache.get("sales")) == 2

    def test_joining_the_channel_asks_for_what_was_missed(
        self, cache: DagCache, processor: DagCache, l2: RecordingL2, store: WatchedStore
    ) -> None:
        """If the database is down then, nothing is raised in the thread that listens."""
        processor.publish("sales", sales(1))
        cache.get("sales")
        processor.publish("sales", sales(2))
        l2.rejoin[0]()
        assert edition_of(cache.get("sales")) == 2
        store.is_down = True
        l2.rejoin[0]()
        assert cache.stats()["database"]["errors"] == 1

    def test_what_is_evicted_is_freed_at_once(self, new_cache: Callable[..., DagCache]) -> None:
        """Without the garbage collector, which hosts freeze: a DAG does not refer to itself."""
        cache = new_cache(l1_max_bytes=0)
        cache.publish("sales", sales())
        gc.disable()
        try:
            dag = cache.get("sales")
            assert dag is not None
            alive = weakref.ref(dag)
            del dag
            assert alive() is None
        finally:
            gc.enable()

    def test_keys_are_those_that_have_a_dag(self, cache: DagCache) -> None:
        for key in ("a", "b", "c"):
            cache.publish(key, sales())
        cache.delete("b")
        assert sorted(cache.keys()) == ["a", "c"]

    def test_keys_of_an_empty_database_are_none(self, cache: DagCache) -> None:
        assert list(cache.keys()) == []


def tell(l2: RecordingL2, cache: DagCache) -> None:
    """Has the last message arrive everywhere."""
    for hear in l2.hear:
        hear(l2.notified[-1])


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

        def note(pointer: Pointer) -> bool:
            seen.append((len(l2.parts), cache.token("sales")))
            return notify(pointer)

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


class Gathering:
    """Holds the first load up until so many wait for it."""

    def __init__(self, n_waiting: int) -> None:
        self._missing = n_waiting
        self._lock = threading.Lock()  # guards: _missing
        self._complete = threading.Event()

    def signal(self) -> threading.Event:
        """What `DagCache` is to make for each flight."""
        gathering = self

        class Signal(threading.Event):
            def wait(self, timeout: float | None = None) -> bool:
                gathering._arrive()
                return super().wait(timeout)

        return Signal()

    def blocks(self, store: WatchedStore) -> threading.Event:
        """Holds up the reads of `store`; what is set when there is one."""
        reading = threading.Event()

        def wait() -> None:
            reading.set()
            assert self._complete.wait(PATIENCE_SECONDS)

        store.after_read_hot = wait
        return reading

    def _arrive(self) -> None:
        with self._lock:
            self._missing -= 1
            if self._missing == 0:
                self._complete.set()


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


class TestLitmus:
    """Where libraries that forget serve what is old."""

    @pytest.mark.parametrize("hears", ["a message", "a certification"])
    def test_an_invalidation_that_meets_a_load_in_flight(
        self, cache: DagCache, processor: DagCache, store: WatchedStore, l2: RecordingL2, hears: str
    ) -> None:
        """1. a load of version 1 is in flight, 2. version 2 is heard of: what starts after 2 gets version 2.

        So does whatever starts after the load has landed: it may not put its copy in the place of the newer.
        """
        processor.publish("sales", sales(1))
        l2.parts.clear()
        cache.certify()
        reading, may_land = hold_first_read(store)
        with ThreadPoolExecutor(1) as pool:
            early = pool.submit(cache.get, "sales")
            assert reading.wait(PATIENCE_SECONDS)
            processor.publish("sales", sales(2))
            if hears == "a message":
                tell(l2, cache)
            else:
                cache.certify()
            assert edition_of(cache.get("sales")) == 2
            may_land.set()
            assert edition_of(early.result(PATIENCE_SECONDS)) in (1, 2)
        assert edition_of(cache.get("sales")) == 2
        assert cache.stats()["flights"]["joined"] == 0

    def test_a_load_that_lands_after_the_news_leaves_no_copy(
        self, cache: DagCache, processor: DagCache, store: WatchedStore, l2: RecordingL2
    ) -> None:
        """Nobody has read the newer version yet."""
        processor.publish("sales", sales(1))
        l2.parts.clear()
        cache.certify()
        reading, may_land = hold_first_read(store)
        with ThreadPoolExecutor(1) as pool:
            early = pool.submit(cache.get, "sales")
            assert reading.wait(PATIENCE_SECONDS)
            processor.publish("sales", sales(2))
            tell(l2, cache)
            may_land.set()
            early.result(PATIENCE_SECONDS)
        assert edition_of(cache.get("sales")) == 2

    def test_who_needs_a_newer_version_does_not_join_the_older_flight(
        self, cache: DagCache, processor: DagCache, store: WatchedStore, l2: RecordingL2
    ) -> None:
        """It is answered while the other one is still in the air."""
        processor.publish("sales", sales(1))
        l2.parts.clear()
        cache.certify()
        reading, may_land = hold_first_read(store)
        with ThreadPoolExecutor(2) as pool:
            early = pool.submit(cache.get, "sales")
            assert reading.wait(PATIENCE_SECONDS)
            newer = processor.publish("sales", sales(2))
            needy = pool.submit(cache.get, "sales", newer.version)
            assert edition_of(needy.result(PATIENCE_SECONDS)) == 2
            assert not early.done()
            may_land.set()
        assert cache.stats()["flights"]["joined"] == 0

    def test_a_deletion_that_meets_a_load_in_flight(
        self, cache: DagCache, processor: DagCache, store: WatchedStore, l2: RecordingL2
    ) -> None:
        processor.publish("sales", sales(1))
        l2.parts.clear()
        cache.certify()
        reading, may_land = hold_first_read(store)
        with ThreadPoolExecutor(1) as pool:
            early = pool.submit(cache.get, "sales")
            assert reading.wait(PATIENCE_SECONDS)
            processor.delete("sales")
            tell(l2, cache)
            assert cache.get("sales") is None
            may_land.set()
            early.result(PATIENCE_SECONDS)
        assert cache.get("sales") is None

    def test_many_threads_and_one_cold_key(
        self, new_cache: Callable[..., DagCache], store: WatchedStore, l2: RecordingL2
    ) -> None:
        """One content is read, and all get the same object."""
        new_cache().publish("sales", sales())
        l2.parts.clear()
        gathering = Gathering(63)
        cache = DagCache(Config(), store, l2, clock=ManualClock(), make_signal=gathering.signal)
        cache.certify()
        gathering.blocks(store)
        with ThreadPoolExecutor(64) as pool:
            dags = [future.result() for future in [pool.submit(cache.get, "sales") for _ in range(64)]]
        assert len(set(map(id, dags))) == 1
        assert edition_of(dags[0]) == 1
        stats = cache.stats()
        assert stats["database"]["contents_read"] == 1
        assert (stats["flights"]["flights"], stats["flights"]["joined"]) == (1, 63)

    def test_a_fork_while_a_load_is_in_flight(
        self, cache: DagCache, processor: DagCache, store: WatchedStore, l2: RecordingL2
    ) -> None:
        """The child does not wait for a thread that it does not have."""
        processor.publish("sales", sales())
        l2.parts.clear()
        cache.certify()
        reading, may_land = hold_first_read(store)

        def child() -> bool:
            return edition_of(cache.get("sales")) == 1 and cache.stats()["flights"]["joined"] == 0

        with ThreadPoolExecutor(1) as pool:
            early = pool.submit(cache.get, "sales")
            assert reading.wait(PATIENCE_SECONDS)
            assert exit_status_of_child(child) == 0
            may_land.set()
            assert edition_of(early.result(PATIENCE_SECONDS)) == 1


def hold_first_read(store: WatchedStore) -> tuple[threading.Event, threading.Event]:
    """Holds up the next read of hot parts after it took its snapshot: (it is there, it may go on)."""
    reading, may_land = threading.Event(), threading.Event()

    def wait() -> None:
        store.after_read_hot = lambda: None
        reading.set()
        assert may_land.wait(PATIENCE_SECONDS)

    store.after_read_hot = wait
    return reading, may_land


class TestDatabaseDown:
    def test_what_is_certified_is_served_until_the_bound(
        self, cache: DagCache, store: WatchedStore, clock: ManualClock
    ) -> None:
        """Then nothing is."""
        cache.publish("sales", sales())
        cache.get("sales")
        store.is_down = True
        clock.now += MAX_STALENESS_SECONDS
        assert edition_of(cache.get("sales")) == 1
        clock.now += 0.001
        with pytest.raises(StoreUnavailableError):
            cache.get("sales")
        with pytest.raises(StoreUnavailableError):
            cache.certify()
        store.is_down = False
        assert edition_of(cache.get("sales")) == 1
        assert cache.stats()["freshness"]["served_in_grace"] == 0

    def test_the_operator_may_allow_more(
        self, new_cache: Callable[..., DagCache], store: WatchedStore, clock: ManualClock
    ) -> None:
        """For so long, and counted."""
        cache = new_cache(database_grace_seconds=10)
        cache.publish("sales", sales())
        cache.get("sales")
        store.is_down = True
        clock.now += MAX_STALENESS_SECONDS + 10
        assert edition_of(cache.get("sales")) == 1
        stats = cache.stats()
        assert (stats["freshness"]["served_in_grace"], stats["database"]["errors"]) == (1, 1)
        clock.now += 0.001
        with pytest.raises(StoreUnavailableError):
            cache.get("sales")

    def test_in_grace_a_dead_database_is_asked_once_a_second(
        self, new_cache: Callable[..., DagCache], store: WatchedStore, clock: ManualClock
    ) -> None:
        """Each question may last as long as its time-out; the answer that it is back is not missed for it."""
        cache = new_cache(database_grace_seconds=10)
        cache.publish("sales", sales())
        cache.get("sales")
        store.is_down = True
        clock.now += MAX_STALENESS_SECONDS + 0.1
        for _ in range(100):
            assert edition_of(cache.get("sales")) == 1
        assert cache.stats()["database"]["errors"] == 1
        clock.now += 1
        cache.get("sales")
        assert cache.stats()["database"]["errors"] == 2
        store.is_down = False
        store.publish(publication_of("sales", 2))
        clock.now += 1
        assert edition_of(cache.get("sales")) == 2

    def test_grace_is_for_what_was_certified_once(
        self, new_cache: Callable[..., DagCache], store: WatchedStore
    ) -> None:
        """A process that never asked knows of no absence either."""
        cache = new_cache(database_grace_seconds=86_400)
        store.is_down = True
        with pytest.raises(StoreUnavailableError):
            cache.get("sales")
        with pytest.raises(StoreUnavailableError):
            cache.keys()


class TestRestoredDatabase:
    def test_what_a_restore_has_undone_is_not_served(
        self, cache: DagCache, store: WatchedStore, clock: ManualClock
    ) -> None:
        """From the first certification after it on."""
        cache.publish("sales", sales(1))
        backup = store.backup()
        cache.publish("sales", sales(2))
        cache.publish("hr", sales(dag_id="hr"))
        assert edition_of(cache.get("sales")) == 2
        store.restore(backup)
        clock.now += MAX_STALENESS_SECONDS + 0.001
        assert edition_of(cache.get("sales")) == 1
        assert cache.get("hr") is None
        assert cache.stats()["freshness"]["restores"] == 1

    def test_what_is_published_afterwards_is_served(
        self, cache: DagCache, processor: DagCache, store: WatchedStore, clock: ManualClock
    ) -> None:
        """Although its number was used before."""
        cache.publish("sales", sales(1))
        backup = store.backup()
        cache.publish("sales", sales(2))
        cache.get("sales")
        store.restore(backup)
        clock.now += MAX_STALENESS_SECONDS + 0.001
        cache.get("sales")
        published = processor.publish("sales", sales(3))
        assert edition_of(cache.get("sales", published.version)) == 3


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


def publication_of(key: str, edition: int) -> Publication:
    encoded = encode_dag(sales(edition, dag_id=key))
    return Publication(key, Content(encoded.hot, encoded.cold), encoded.content_hash)

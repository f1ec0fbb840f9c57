from __future__ import annotations

import random
import threading

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from sched_cache.cache import L1
from sched_cache.cache.l1 import OVERHEAD_BYTES
from sched_cache.stats import L1Counters
from tests.contracts.l1 import L1Contract, SizedDag, check_books

BIG = 1 << 30


def make_l1(max_bytes: int = BIG, max_entries: int = BIG, counters: L1Counters | None = None) -> L1[SizedDag]:
    return L1(max_bytes, max_entries, counters or L1Counters(), random.Random(1))


class TestRoomyL1(L1Contract):
    @pytest.fixture
    def l1(self) -> L1[SizedDag]:
        return make_l1()


class TestL1BoundedInEntries(L1Contract):
    @pytest.fixture
    def l1(self) -> L1[SizedDag]:
        return make_l1(max_entries=8)


class TestL1BoundedInBytes(L1Contract):
    @pytest.fixture
    def l1(self) -> L1[SizedDag]:
        return make_l1(max_bytes=9 * (OVERHEAD_BYTES + 100))


@pytest.mark.parametrize("max_entries", [1, 2, 3, 100])
def test_bound_in_entries_holds(max_entries: int) -> None:
    """However few; all of them are used."""
    l1 = make_l1(max_entries=max_entries)
    for number in range(500):
        l1.put(str(number), 1, str(number), SizedDag(str(number)))
        assert len(l1) <= max_entries
        check_books(l1)
    assert len(l1) == max_entries


def test_last_one_put_is_there_while_it_is_small() -> None:
    """Who has just loaded a DAG asks for it again, whatever becomes of it later."""
    l1 = make_l1(max_entries=100)
    for number in range(500):
        l1.put(str(number), 1, str(number), SizedDag(str(number)))
        assert l1.get(str(number)) is not None


def test_larger_than_the_bound_is_served_but_not_kept() -> None:
    """Nobody is evicted for it, and an older version does not stay in its place."""
    counters = L1Counters()
    l1 = make_l1(max_bytes=5000, counters=counters)
    l1.put("a", 1, "a1", SizedDag("a1"))
    l1.put("b", 1, "b1", SizedDag("b1"))
    assert not l1.put("a", 2, "a2", SizedDag("a2", nbytes=5000))
    assert l1.get("a") is None
    assert l1.get("b") is not None
    assert (counters.kept, counters.not_kept, counters.evictions, counters.superseded) == (2, 1, 0, 1)
    check_books(l1)


def test_one_may_fill_the_bound() -> None:
    """To the byte."""
    l1 = make_l1(max_bytes=5000)
    assert l1.put("a", 1, "a1", SizedDag("a1", nbytes=5000 - OVERHEAD_BYTES))
    assert l1.nbytes == 5000
    check_books(l1)


def test_bound_of_zero_keeps_nothing() -> None:
    """L1 can be switched off."""
    l1 = make_l1(max_bytes=0)
    assert not l1.put("a", 1, "a1", SizedDag("a1"))
    assert l1.get("a") is None


def test_what_no_key_names_makes_room_before_anybody_is_evicted() -> None:
    """A publication replaces its own predecessor, not somebody else's DAG."""
    counters = L1Counters()
    l1 = make_l1(max_entries=64, counters=counters)
    for number in range(64):
        l1.put(str(number), 1, f"{number} v1", SizedDag(str(number)))
    for number in range(64):
        l1.put(str(number), 2, f"{number} v2", SizedDag(str(number)))
    assert counters.evictions == 0
    assert counters.superseded == 64
    assert len(l1) == 64


def test_estimate_is_corrected_by_measuring() -> None:
    """A DAG grows as its sections are unpacked; books and bound follow."""
    l1 = make_l1(max_bytes=10 * (OVERHEAD_BYTES + 1000))
    dags = [SizedDag(str(number), nbytes=1000) for number in range(10)]
    for number, dag in enumerate(dags[:9]):
        l1.put(str(number), 1, str(number), dag, nbytes=10)
    assert l1.nbytes == 9 * (OVERHEAD_BYTES + 10)
    l1.measure(3)
    assert l1.nbytes == 9 * (OVERHEAD_BYTES + 10) + 3 * 990
    l1.measure(100)
    assert l1.nbytes == 9 * (OVERHEAD_BYTES + 1000)
    for dag in dags:
        dag.nbytes = 4000
    l1.measure(100)
    check_books(l1)
    assert 0 < len(l1) <= 10 * (OVERHEAD_BYTES + 1000) // (OVERHEAD_BYTES + 4000)
    for dag in dags:
        dag.nbytes = 1
    l1.measure(100)
    check_books(l1)
    assert l1.nbytes == len(l1) * (OVERHEAD_BYTES + 1)


def test_newcomers_are_expected_to_grow_as_others_did() -> None:
    """Or a process that loads fast would be past its bound before anybody has measured."""
    l1 = make_l1(max_bytes=1000 * (OVERHEAD_BYTES + 1000))
    for number in range(100):
        dag = SizedDag(str(number), nbytes=1000)
        l1.put(str(number), 1, str(number), dag)
        dag.nbytes = 2000
    l1.measure(100)
    before = l1.nbytes
    l1.put("new", 1, "new", SizedDag("new", nbytes=1000))
    assert 1900 <= l1.nbytes - before - OVERHEAD_BYTES <= 2000
    check_books(l1)


def test_what_fits_now_is_not_refused_for_what_it_may_become() -> None:
    """Nobody knows of one DAG whether it will grow."""
    l1 = make_l1(max_bytes=OVERHEAD_BYTES + 10_000)
    for version in range(1, 200):
        dag = SizedDag("a", nbytes=100)
        l1.put("a", version, f"a{version}", dag)
        dag.nbytes = 400
        l1.measure(1)
    l1.discard("a")
    assert l1.put("b", 1, "b", SizedDag("b", nbytes=5000))
    assert l1.nbytes <= OVERHEAD_BYTES + 10_000
    check_books(l1)


def test_one_that_outgrows_the_bound_goes() -> None:
    """As if it had been too large from the beginning."""
    l1 = make_l1(max_bytes=5000)
    dag = SizedDag("a")
    l1.put("a", 1, "a", dag)
    dag.nbytes = 10_000
    l1.measure(1)
    assert (l1.get("a"), l1.nbytes) == (None, 0)
    check_books(l1)


def test_it_is_tight_before_growth_can_pass_the_bound() -> None:
    """So that whoever loads need not measure while there is plenty of room."""
    l1 = make_l1(max_bytes=8 * (OVERHEAD_BYTES + 1000))
    assert not l1.is_tight
    l1.put("a", 1, "a", SizedDag("a", nbytes=1000))
    assert not l1.is_tight
    l1.put("b", 1, "b", SizedDag("b", nbytes=1000))
    assert l1.is_tight


def test_newcomers_are_measured_last() -> None:
    """They have not been used yet: they would look smaller than they will be, and the books would believe it."""
    l1 = make_l1(max_bytes=100 * (OVERHEAD_BYTES + 1000))
    dags = [SizedDag(str(number), nbytes=100) for number in range(10)]
    for number, dag in enumerate(dags):
        l1.put(str(number), 1, str(number), dag)
    for dag in dags[:5]:
        dag.nbytes = 200
    l1.measure(5)
    assert l1.nbytes == 10 * OVERHEAD_BYTES + 5 * 200 + 5 * 100
    check_books(l1)


def test_measuring_nothing_is_harmless() -> None:
    """It is called in turn with everything else."""
    make_l1().measure(10)


def test_hits_and_misses_are_counted() -> None:
    """One each."""
    counters = L1Counters()
    l1 = make_l1(counters=counters)
    l1.put("a", 1, "a", SizedDag("a"))
    l1.get("a")
    l1.get("b")
    l1.get("a", 2)
    assert (counters.hits, counters.misses) == (1, 2)


def test_invalidation_during_a_load_wins() -> None:
    """Litmus: with the floor checked under the lock, a load that ends late installs nothing old.

    1. a reader loads version 1.  2. version 2 is learnt: floor 2, older entry dropped.  3. the reader would
    put version 1.  4. a read that starts now may not see it.
    """
    l1 = make_l1()
    floors: dict[str, int] = {}

    def learn(key: str, version: int) -> None:
        with l1.lock:
            floors[key] = max(version, floors.get(key, 0))
            l1.discard(key, older_than=floors[key])

    def install(key: str, version: int) -> None:
        with l1.lock:
            if version >= floors.get(key, 0):
                l1.put(key, version, f"{key} v{version}", SizedDag(key))

    learn("a", 1)
    loaded = 1
    learn("a", 2)
    install("a", loaded)
    assert l1.get("a", floors["a"]) is None
    install("a", 2)
    assert l1.get("a", 2) is not None


def test_readers_never_see_a_torn_entry() -> None:
    """Version and DAG belong together, however many write at once."""
    l1 = make_l1(max_entries=4)
    torn: list[object] = []
    stop = threading.Event()

    def write(seed: int) -> None:
        source = random.Random(seed)
        for version in range(1, 3000):
            key = source.choice("abcdef")
            l1.put(key, version, f"{key} {version}", SizedDag(f"{key} {version}", source.randrange(500)))
            if source.random() < 0.1:
                l1.discard(key, older_than=version)

    def read() -> None:
        newest: dict[str, int] = {}
        while not stop.is_set():
            for key in "abcdef":
                entry = l1.entries.get(key)
                if entry is None:
                    continue
                if entry.dag.name != f"{key} {entry.version}":
                    torn.append((key, entry.version, entry.dag))
                newest[key] = entry.version

    writers = [threading.Thread(target=write, args=(seed,)) for seed in range(3)]
    readers = [threading.Thread(target=read) for _ in range(2)]
    for thread in writers + readers:
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    for thread in readers:
        thread.join()
    assert torn == []
    check_books(l1)


KEYS = st.sampled_from("abcdefgh")


def content_of(version: int) -> str:
    """Every key's content at `version`: some contents come back, and some are shared by keys."""
    return f"hash {version // 2 % 12}"


class AgainstAPlainModel(RuleBasedStateMachine):
    """An L1 may forget at any time, but what it still has is what was put, and only grows newer."""

    @initialize(max_bytes=st.sampled_from([0, 3000, 20_000, BIG]), max_entries=st.integers(1, 70))
    def start(self, max_bytes: int, max_entries: int) -> None:
        self.l1 = make_l1(max_bytes, max_entries)
        self.now = 0
        self.before: dict[str, int] = {}

    @rule(key=KEYS, nbytes=st.integers(0, 6000), behind=st.integers(0, 3))
    def put(self, key: str, nbytes: int, behind: int) -> None:
        self.now += 1
        version = max(1, self.now - behind)
        dag = SizedDag(content_of(version), nbytes)
        is_there = self.l1.put(key, version, content_of(version), dag)
        entry = self.l1.entries.get(key)
        assert is_there == (entry is not None)
        assert entry is None or entry.version == max(version, self.before.get(key, 0))

    @rule(key=KEYS, min_version=st.integers(0, 60))
    def get(self, key: str, min_version: int) -> None:
        dag = self.l1.get(key, min_version)
        version = self.before.get(key, -1)
        assert (dag is not None) == (version >= min_version)
        assert dag is None or dag.name == content_of(version)

    @rule(key=KEYS, older_than=st.none() | st.integers(0, 60))
    def discard(self, key: str, older_than: int | None) -> None:
        is_older = key in self.before and (older_than is None or self.before[key] < older_than)
        assert self.l1.discard(key, older_than) == is_older
        assert (key in self.l1.entries) == (key in self.before and not is_older)

    @rule(limit=st.integers(0, 20), grown=st.integers(0, 3000))
    def grow_and_measure(self, limit: int, grown: int) -> None:
        for entry in list(self.l1.entries.values())[:3]:
            entry.dag.nbytes = grown
        self.l1.measure(limit)

    @rule()
    def clear(self) -> None:
        self.l1.clear()
        assert self.l1.entries == {}

    @invariant()
    def is_sound(self) -> None:
        if hasattr(self, "l1"):
            check_books(self.l1)
            for key, entry in self.l1.entries.items():
                assert entry.content_hash == content_of(entry.version)
                assert entry.version >= self.before.get(key, 0)
            self.before = {key: entry.version for key, entry in self.l1.entries.items()}


TestAgainstAPlainModel = AgainstAPlainModel.TestCase
TestAgainstAPlainModel.settings = settings(max_examples=80, stateful_step_count=50, deadline=None)

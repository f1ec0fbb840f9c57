"""A cluster: one database, one Redis, files that are edited, processors and schedulers with the production cache.

The properties are those of the protocol's model. They are checked after every step, so the first wrong state shows.

S1  versions and sequences never decrease, and `acknowledged_seq <= parsed_seq`
S2  what is acknowledged has a durable effect computed from its version or a newer one
S3  a read that starts after its process has learnt of a version never returns an older one
S4  a read returns nothing older than what was committed `max_staleness_seconds` before it started
S5  a read returns nothing that was never committed
S6  the database never goes back to the content of an older file
A   a read is answered, and work is taken, while the database answers, whatever anybody sends
L   once faults stop, everybody reads the newest and nothing stays pending
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from random import Random
from typing import Any

from sched_cache.config import Config
from sched_cache.dag_cache import DagCache
from sched_cache.errors import PublishConflictError, SchedCacheError, StoreUnavailableError
from sched_cache.format import CompactDag, EncodedDag, encode_dag
from sched_cache.store import Pointer, Seq, Version
from sched_cache.testing.memory_store import MemoryStore, State
from tests.simulation.seams import SharedRedis, StepRedis, StepStore
from tests.simulation.steps import Choose, Clock, Signal, Steps, stepwise_locks

STALENESS = 1.0
FULL_CERTIFY = 5.0


class Violation(AssertionError):
    """A property does not hold."""


class _RolledBackError(Exception):
    """The caller gives its transaction up."""


@dataclass
class Rules:
    """The rules that a simulated caller follows. A mutation breaks one of them."""

    uses_token: bool = True
    uses_min_version: bool = True
    acknowledges_with_effect: bool = True
    believes_no_message: bool = True


@dataclass(eq=False)
class Process:
    """One operating system process with a cache of its own."""

    name: str
    cache: DagCache
    redis: StepRedis
    is_dead: bool = False
    n_whole_at_restore: int = -1

    @property
    def n_whole(self) -> int:
        """How often it has compared everything it knows with the database."""
        freshness = self.cache._freshness
        return freshness.n_full + freshness.n_forgotten


@dataclass
class Committed:
    """One publication, as the database has it: when it was committed, and the file it was made from."""

    pointer: Pointer
    at: float
    file: int


@lru_cache(maxsize=4096)
def content(key: str, file: int) -> EncodedDag:
    """The DAG that the file of `key` holds in its edition `file`."""
    return encode_dag({"__version": 3, "dag": {"dag_id": key, "tasks": [], "max_active_runs": file}})


@dataclass
class World:
    """The cluster and its history. `random` decides faults, `choose` the order of steps."""

    random: Random
    choose: Choose
    fault_rate: float = 0.0
    db_fault_rate: float = 0.0
    keys: tuple[str, ...] = ("a",)
    rules: Rules = field(default_factory=Rules)

    def __post_init__(self) -> None:
        self.steps = Steps(self.choose, self._check_database)
        self.clock = Clock(self.steps)
        self.redis = SharedRedis(self.random, self.fault_rate)
        self.files = dict.fromkeys(self.keys, 1)
        self.processes: list[Process] = []
        self.history: dict[str, list[Committed]] = {key: [] for key in self.keys}
        # All that was ever committed, in histories that a restore has undone too: what can be replayed.
        self.told: dict[str, list[Committed]] = {key: [] for key in self.keys}
        self.effects: list[tuple[str, int]] = []  # key and version that a durable effect was computed from
        self.epoch = 0  # restores of the database so far
        self.restored_at = float("-inf")
        self.ever_committed: set[str | None] = {None}
        self.n_reads = self.n_effects = self.n_publications = 0
        self._seen = State("")
        self._file_of = {content(key, file).content_hash: file for key in self.keys for file in range(200)}

    @contextmanager
    def running(self) -> Iterator[World]:
        """The world, with production locks that wait by steps."""
        with stepwise_locks(self.steps):
            self.store = MemoryStore()
            yield self

    def start(self, name: str) -> Process:
        """A new process: empty L1, nothing known."""
        redis = StepRedis(self.redis, self.steps)
        store = StepStore(self.store, self.steps, self._db_fails)
        config = Config(redis_url=None, max_staleness_seconds=STALENESS, full_certify_seconds=FULL_CERTIFY)
        cache = DagCache(
            config, store, redis, clock=self.clock, source=Random(1), make_signal=lambda: Signal(self.steps)
        )
        process = Process(name, cache, redis)
        self.processes.append(process)
        return process

    def kill(self, process: Process) -> None:
        """SIGKILL."""
        self.steps.kill(process)
        self.processes.remove(process)
        self.redis.queues = [one for one in self.redis.queues if one[0] is not process.redis.queue]

    def restore(self, backup: State) -> None:
        """The database goes back in time, as far as there is no transaction open."""
        self.store.restore(backup)
        self.epoch += 1
        self.restored_at = self.clock.now
        for process in self.processes:
            process.n_whole_at_restore = process.n_whole
        self._seen = backup.copy()
        self.history = {
            key: [one for one in found if one.pointer.parsed_seq <= backup.counter]
            for key, found in self.history.items()
        }

    def _db_fails(self) -> bool:
        return self.db_fault_rate > 0 and self.random.random() < self.db_fault_rate

    # What threads do

    def parse(self, process: Process, key: str) -> None:
        """A processor reads the file of `key` and publishes it; again if somebody was first."""
        cache = process.cache
        for _ in range(3):
            try:
                token = cache.token(key) if self.rules.uses_token else None
                file = self.files[key]
                self.steps.pause(f"reads file {file}")
                cache.publish(key, content(key, file), token=token)
                return
            except PublishConflictError:
                continue
            except StoreUnavailableError:
                return

    def announce_early(self, process: Process, key: str, *, commits: bool) -> None:
        """A caller with a transaction of its own tells of a publication before its commit, or without one."""
        cache = process.cache
        try:
            token = cache.token(key)
            file = self.files[key]
            with cache._store.transaction() as connection:
                published = cache.publish(key, content(key, file), token=token, connection=connection)
                cache.announce(published)
                if not commits:
                    raise _RolledBackError
        except (_RolledBackError, SchedCacheError):
            return

    def read(self, process: Process, key: str) -> None:
        """A read, and what it may return."""
        learnt = process.cache._freshness.known.pointers.get(key)
        started, epoch = self.clock.now, self.epoch
        floor = learnt.version if learnt else 0
        n_forgotten = process.cache._freshness.n_forgotten
        is_unaware = process.n_whole == process.n_whole_at_restore
        due = [one for one in self.history[key] if one.at < started - STALENESS - 1e-9]
        try:
            dag = process.cache.get(key)
        except SchedCacheError as error:
            if not self.db_fault_rate:
                raise Violation(f"A {process.name} could not read {key}: {error}") from error
            return
        self.n_reads += 1
        if self.epoch != epoch:
            return
        version = self._version_of(key, dag)
        # When the counter has passed the cursor again, only a full certification can find out: it is bound by
        # its own interval.
        may_be_undone = is_unaware and started <= self.restored_at + FULL_CERTIFY + STALENESS
        if may_be_undone and (dag is None or dag.content_hash in self.ever_committed):
            return
        if version is None:
            raise Violation(f"S5 {process.name} returned a content of {key} that was never committed")
        is_real = any(one.pointer == learnt for one in self.history[key])  # not undone by a restore
        if version < floor and is_real and n_forgotten == process.cache._freshness.n_forgotten:
            raise Violation(f"S3 {process.name} knew of version {floor} of {key} and returned {version}")
        if due and version < due[-1].pointer.version:
            raise Violation(
                f"S4 {process.name} returned version {version} of {key}, "
                f"{due[-1].pointer.version} was committed at {due[-1].at}, the read began at {started}"
            )

    def work(self, process: Process) -> None:
        """A scheduler takes fresh DAGs and acts on them."""
        cache = process.cache
        try:
            if not self.rules.acknowledges_with_effect:
                self._work_in_two_transactions(process)
                return
            with cache.claim(limit=2) as claims:
                for claim in claims:
                    dag = cache.get(claim.key, claim.version if self.rules.uses_min_version else 0)
                    self._have_effect(claim.connection, claim.key, dag)
                    claim.acknowledge()
        except StoreUnavailableError as error:
            if not self.db_fault_rate:
                raise Violation(f"A {process.name} could not take work: {error}") from error
        except SchedCacheError:
            return

    def _work_in_two_transactions(self, process: Process) -> None:
        with process.cache.claim(limit=2) as claims:
            taken = [(claim.key, claim.version) for claim in claims]
            for claim in claims:
                claim.acknowledge()
        for key, version in taken:
            dag = process.cache.get(key, version)
            with process.cache._store.transaction() as connection:
                self._have_effect(connection, key, dag)

    def _have_effect(self, connection: Any, key: str, dag: CompactDag | None) -> None:
        version = self._version_of(key, dag) or 0

        def effect() -> None:
            self.effects.append((key, version))
            self.n_effects += 1

        connection.at_commit(effect)

    def hear(self, process: Process) -> None:
        """One notification arrives, not necessarily the oldest."""
        queue = process.redis.queue
        if queue:
            self.hear_that(process, queue.pop(self.random.randrange(len(queue))))

    def lie(self, process: Process) -> None:
        """A stranger writes to the channel: nonsense, what could be true, or what was said before."""
        self.hear_that(
            process, self.random.choice((self._nonsense, self._plausible, self._tombstone, self._old))()
        )

    def hear_that(self, process: Process, pointer: Pointer) -> None:
        """A stranger says that this was published."""
        if self.rules.believes_no_message:
            process.redis.hear()
        else:
            process.cache._freshness.learn(pointer)

    def _nonsense(self) -> Pointer:
        return Pointer(self.keys[0], Version(10**6), Seq(10**6), "0" * 32)

    def _plausible(self) -> Pointer:
        """Numbers that the database has given out, for another key or none; the content of an older file."""
        state = self.store.backup()
        seq = self.random.randint(1, state.counter + 2)
        version = self.random.randint(1, seq)
        key = self.random.choice((*self.keys, "nobody"))
        content_hash = self.random.choice((content(self.keys[0], 1).content_hash, "ab" * 16))
        return Pointer(key, Version(version), Seq(seq), content_hash)

    def _tombstone(self) -> Pointer:
        return replace(self._plausible(), content_hash=None)

    def _old(self) -> Pointer:
        told = [one.pointer for key in self.keys for one in self.told[key]]
        return self.random.choice(told) if told else self._nonsense()

    # What must hold

    def _version_of(self, key: str, dag: CompactDag | None) -> int | None:
        """The committed version that a read returned: the newest with that content, 0 for no DAG."""
        if dag is None:
            gone = [one for one in self.history[key] if one.pointer.content_hash is None]
            return gone[-1].pointer.version if gone else 0
        found = [one for one in self.history[key] if one.pointer.content_hash == dag.content_hash]
        return found[-1].pointer.version if found else None

    def _check_database(self) -> None:
        state = self.store.backup()
        for key, pointer in state.pointers.items():
            before = self._seen.pointers.get(key)
            if before == pointer:
                continue
            self.n_publications += 1
            file = self._file_of.get(pointer.content_hash or "", 0)
            if before is not None:
                if pointer.version < before.version or pointer.parsed_seq <= before.parsed_seq:
                    raise Violation(f"S1 {before} was followed by {pointer}")
                if file < self._file_of.get(before.content_hash or "", 0):
                    raise Violation(f"S6 file {file} of {key} was published over a newer one")
            self.ever_committed.add(pointer.content_hash)
            committed = Committed(pointer, self.clock.now, file)
            self.history[key].append(committed)
            self.told[key].append(committed)
        for key, acknowledged in state.acknowledged.items():
            if acknowledged > state.pointers[key].parsed_seq:
                raise Violation(
                    f"S1 {key}: acknowledged {acknowledged}, published {state.pointers[key].parsed_seq}"
                )
            if acknowledged < self._seen.acknowledged.get(key, 0):
                raise Violation(f"S1 {key}: acknowledged {acknowledged} after {self._seen.acknowledged[key]}")
            if acknowledged > self._seen.acknowledged.get(key, 0):
                self._check_effect(key, acknowledged)
        self._seen = state

    def _check_effect(self, key: str, acknowledged: int) -> None:
        taken = [one for one in self.history[key] if one.pointer.parsed_seq <= acknowledged]
        needed = taken[-1].pointer.version if taken else 0
        if not any(other == key and version >= needed for other, version in self.effects):
            raise Violation(
                f"S2 {key}: publication {acknowledged} is acknowledged, no effect from {needed} or newer"
            )

    def check_settles(self) -> None:
        """L: without faults everything becomes current and nothing stays pending."""
        self.fault_rate = self.db_fault_rate = self.redis.fault_rate = 0.0
        while len(self.processes) < 2:
            self.start(f"late{len(self.processes)}")
        self._run_all(lambda process: [self.parse(process, key) for key in self.keys])
        self.clock.now += FULL_CERTIFY + STALENESS
        self._run_all(lambda process: [self.work(process) for _ in range(4)])
        self._run_all(lambda process: [self._read_newest(process, key) for key in self.keys])
        state = self.store.backup()
        pending = {
            key
            for key, pointer in state.pointers.items()
            if pointer.parsed_seq > state.acknowledged.get(key, 0)
        }
        if pending:
            raise Violation(f"L {pending} stay pending")

    def _run_all(self, act: Any) -> None:
        for process in list(self.processes):
            self.steps.spawn(f"{process.name} settles", process, lambda process=process: act(process))
            self.steps.run(100_000)

    def _read_newest(self, process: Process, key: str) -> None:
        dag = process.cache.get(key)
        file = dag.field("max_active_runs") if dag else None
        if file != self.files[key]:
            raise Violation(f"L {process.name} reads file {file} of {key}, newest is {self.files[key]}")

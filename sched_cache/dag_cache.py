"""`DagCache`: the tiers and the freshness protocol behind one object."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from threading import Event
from time import perf_counter
from typing import Any

from sched_cache.cache import L1, Signal, SingleFlight
from sched_cache.clock import Clock, SystemClock
from sched_cache.config import Config
from sched_cache.contents import Contents
from sched_cache.errors import (
    FormatError,
    PublishConflictError,
    StoreUnavailableError,
    VersionNotFoundError,
)
from sched_cache.format import CompactDag, EncodedDag, HotFields, encode_dag
from sched_cache.freshness import Claim, Claims, Freshness, Learnt
from sched_cache.hints import Hints
from sched_cache.stats import Snapshot, Stats
from sched_cache.store import Connection, Content, Pointer, Publication, Seq, Store, Version
from sched_cache.store.budget import Budget
from sched_cache.store.l2 import L2
from sched_cache.store.redis import open_l2

_MAX_ROUNDS = 8
"""Reads of one key before giving up. Each further read needs a publication in between."""
_GRACE_PAUSE_SECONDS = 1.0
_MEASURED_PER_LOAD = 2
_MEASURED_PER_CERTIFICATION = 64


@dataclass(frozen=True, slots=True)
class Published:
    """The current state of a key after a publication.

    changed: the content has changed, so `version` was increased. encoded: the published content, for `announce`.
    incarnation: the history that the publication is in; empty if nothing was published.
    """

    key: str
    version: Version
    parsed_seq: Seq
    content_hash: str | None
    changed: bool
    encoded: EncodedDag | None = field(repr=False, compare=False)
    incarnation: str = field(default="", repr=False, compare=False)


class DagCache:
    """The current DAG of every key: from this process, from Redis or from the database, and never an outdated one.

    A read that starts after this process has learnt of a version returns that version or a newer one; a read
    that starts at time t returns nothing older than what was committed before t - `max_staleness_seconds`.

    Thread-safe, and usable after a fork. `close` ends its connections and its thread.
    """

    def __init__(
        self,
        config: Config,
        store: Store,
        l2: L2,
        *,
        clock: Clock | None = None,
        stats: Stats | None = None,
        source: random.Random | None = None,
        make_signal: Callable[[], Signal] = Event,
        budget: Budget | None = None,
        keeps_cold: bool = False,
    ) -> None:
        """keeps_cold: every DAG comes with its cold part, in the same round trip, and keeps it; see `keep_cold`."""
        clock = clock or SystemClock()
        self.config = config
        self.budget = budget or Budget.configured(config, clock)
        """The time that this process may lose to tiers in trouble; Redis charges it."""
        self._stats = stats or Stats()
        self._store = store
        self._l2 = l2
        self._hot_fields = HotFields.choose(config.hot_include, config.hot_exclude)
        self._l1: L1[CompactDag] = L1(config.l1_max_bytes, config.l1_max_entries, self._stats.l1, source)
        self._freshness = Freshness(
            store,
            clock,
            self,
            max_staleness_seconds=config.max_staleness_seconds,
            full_every_seconds=config.full_certify_seconds,
        )
        self._claims = Claims(store, clock, self._freshness, full_every_seconds=config.full_certify_seconds)
        flights: SingleFlight[CompactDag | FormatError] = SingleFlight(
            clock, self._stats.flights, config.flight_wait_seconds, make_signal
        )
        self._contents = Contents(
            store,
            l2,
            self._freshness,
            flights,
            self._stats,
            self._l1.find,
            max_bytes=config.max_content_bytes,
            keeps_cold=keeps_cold,
        )
        self._subscription = l2.subscribe(self._ask, self._ask, lambda: self._freshness.incarnation)
        self.hints = Hints(l2, self._ensure_certified, lambda: self._freshness.incarnation)
        # The fields that the hit path reads, so that it need not go through three objects.
        self._monotonic = clock.monotonic
        self._entries = self._l1.entries
        self._order = self._l1.order
        self._floors = self._freshness.floors
        self._counters = self._stats.l1
        self._max_staleness_seconds = config.max_staleness_seconds
        self._keeps_dags = bool(config.l1_max_bytes and config.l1_max_entries)
        self._add_gauges()

    @classmethod
    def open(
        cls,
        config: Config | None = None,
        *,
        connect: Callable[[], Any] | None = None,
        keeps_cold: bool = False,
    ) -> DagCache:
        """A cache for `config`, by default from the environment. Connects at first use.

        Args:
            connect: opens the connections to the database in place of its driver, for example with a password or
                certificates that the URL does not contain. Called in a thread of its own. Not for SQLite.
            keeps_cold: every DAG comes with its cold part, in the same round trip, and keeps it.

        Raises:
            ConfigError: an option is unknown or out of range, or a URL cannot be used.
        """
        # Here, so that importing the package does not import SQLAlchemy.
        from sched_cache.store.sql import SqlStore

        config = config or Config.load()
        clock, stats = SystemClock(), Stats()
        store = SqlStore.configured(config, connect=connect, counters=stats.database)
        budget = Budget.configured(config, clock)
        return cls(
            config,
            store,
            open_l2(config, stats, clock, budget),
            clock=clock,
            stats=stats,
            budget=budget,
            keeps_cold=keeps_cold,
        )

    # Reading

    def get(self, key: str, min_version: int = 0) -> CompactDag | None:
        """The current DAG of `key`, or None when the database says that there is none.

        Cost: two look-ups and a look at the clock while the DAG is resident and certified.

        Args:
            min_version: a version that the caller knows of, from a claim or a publication; nothing older will do.

        Raises:
            StoreUnavailableError: the current version could not be determined, or its content not be loaded.
            VersionNotFoundError: the database has no version as new as `min_version`.
            FormatError: the copy in the database is damaged.
        """
        now = self._monotonic()
        known = self._floors.known
        entry = self._entries.get(key)
        if (
            entry is not None
            and entry.version >= min_version
            and now - known.certified_at <= self._max_staleness_seconds
        ):
            self._counters.hits += 1
            resident = entry.resident
            resident.stamp = self._order.tick
            return resident.dag
        return self.get_many([key], min_version)[key]

    def get_many(self, keys: Collection[str], min_version: int = 0) -> dict[str, CompactDag | None]:
        """`get` for many keys. One round trip per tier, however many keys it lacks.

        Raises:
            As `get`. DAGs that could be loaded and fit stay resident all the same.
        """
        is_in_grace = not self._ensure_certified()
        self._subscription.start()  # now it knows which channel
        found: dict[str, CompactDag | None] = {}
        wanted = list(dict.fromkeys(keys))
        for _ in range(_MAX_ROUNDS):
            missing: list[Pointer] = []
            known = self._freshness.known
            for key in wanted:
                pointer = known.pointers.get(key)
                if (pointer.version if pointer else 0) < min_version:
                    pointer = self._ask_for(key, min_version)
                if pointer is None or pointer.content_hash is None:
                    self._counters.absent_hits += 1
                    found[key] = None
                elif (dag := self._l1.get(key, pointer.version)) is not None:
                    found[key] = dag
                    self._stats.freshness.served_in_grace += is_in_grace
                else:
                    missing.append(pointer)
            if not missing:
                return found
            damaged: FormatError | None = None
            loaded = self._contents.load_many(missing)
            for pointer in missing:
                dag_or_error = loaded.get(pointer.key)
                if isinstance(dag_or_error, FormatError):
                    damaged = dag_or_error
                elif dag_or_error is not None:
                    found[pointer.key] = dag_or_error
                    self._install(pointer, dag_or_error)
            if damaged is not None:
                raise damaged
            wanted = [pointer.key for pointer in missing if pointer.key not in found]
            if not wanted:
                if self._l1.is_tight:
                    self._l1.measure(_MEASURED_PER_LOAD * len(missing))
                return found
            # The database has another content for these keys. If it is newer, it was learnt just now. If it is older
            # or absent, that was noted as a doubt, and this certification asks for every pointer.
            self._freshness.certify()
        raise StoreUnavailableError(f"key {wanted[0]!r} was published faster than it could be read")

    def keep_cold(self, dags: Mapping[str, CompactDag]) -> set[str]:
        """Makes DAGs keep their cold parts, so that they stay readable whatever is published or fails later; the keys
        of those that have it now. One round trip per tier, none for DAGs that have it already.

        The content of the other keys has changed: read them again.

        Args:
            dags: by key.

        Raises:
            StoreUnavailableError: no tier answered.
        """
        return self._contents.keep_cold(dags)

    def certify(self, *, full: bool = False) -> Learnt:
        """Learns all publications up to now, with one query for any number of DAGs; returns what was new.

        Raises:
            StoreUnavailableError: the database did not answer; nothing is forgotten.
        """
        started = perf_counter()
        learnt = self._freshness.certify(full=full)
        self._subscription.start()  # now it knows which channel
        self._stats.freshness.certify_seconds.record(perf_counter() - started)
        # DAGs grow while they are used, so they are measured from time to time.
        self._l1.measure(_MEASURED_PER_CERTIFICATION)
        return learnt

    def _ensure_certified(self) -> bool:
        """True; or False if the database is down and the operator allows reads to continue for now."""
        grace_seconds = self.config.database_grace_seconds
        if grace_seconds and self._is_in_grace() and self._freshness.failed_within(_GRACE_PAUSE_SECONDS):
            return False  # a query to a dead database may take the whole time-out: not every read sends one
        try:
            self._freshness.ensure_certified()
        except StoreUnavailableError:
            self._stats.database.errors += 1
            if not self._is_in_grace():
                raise
            return False
        return True

    def _is_in_grace(self) -> bool:
        age = self._monotonic() - self._freshness.known.certified_at
        return (
            self._max_staleness_seconds
            < age
            <= self._max_staleness_seconds + self.config.database_grace_seconds
        )

    def _ask_for(self, key: str, min_version: int) -> Pointer | None:
        """The pointer of `key` from the database, because the known one is too old for the caller."""
        floor = self._freshness.known.pointers.get(key)
        pointer = self._store.read_pointers([key]).get(key)
        self._freshness.learn_row(key, pointer, floor)
        if pointer is None or pointer.version < min_version:
            raise VersionNotFoundError(key, min_version, pointer.version if pointer else 0)
        return pointer

    def _install(self, pointer: Pointer, dag: CompactDag) -> None:
        """Keeps `dag`, unless the process has learnt of a newer version meanwhile.

        1. this thread loads version 1
        2. another thread learns of version 2: it raises the floor, then `superseded` finds nothing to drop
        3. this thread would put version 1
        Under the lock that `superseded` takes, step 3 sees the floor that step 2 has raised. If step 3 comes first,
        step 2 finds version 1 and drops it.
        """
        assert pointer.content_hash is not None
        if not self._keeps_dags:
            return
        nbytes = dag.nbytes
        with self._l1.lock:
            if self._freshness.known.pointers.get(pointer.key) is pointer or not self._is_old(pointer):
                self._l1.put(pointer.key, pointer.version, pointer.content_hash, dag, nbytes)

    def _is_old(self, pointer: Pointer) -> bool:
        floor = self._freshness.known.pointers.get(pointer.key)
        return floor is None or floor.version != pointer.version or floor.content_hash != pointer.content_hash

    # Calls from `Freshness`.

    def superseded(self, pointer: Pointer) -> None:
        """Drops versions older than `pointer`. Called before any reader may rely on the new version."""
        self._l1.discard(pointer.key, older_than=pointer.version)
        self._stats.freshness.learnt += 1

    def forgotten(self) -> None:
        """Drops everything: the database went back in time."""
        self._l1.clear()
        self._stats.freshness.restores += 1

    def _ask(self) -> None:
        """Certifies, because a message has arrived or because none has arrived for a while.

        Any client of Redis may write to the channel, so the content of a message is not trusted: only its arrival
        is used.
        """
        try:
            self._freshness.certify()
        except StoreUnavailableError:
            self._stats.database.errors += 1

    # Publishing

    def token(self, key: str) -> Seq:
        """The state of `key`. Read it before the file is opened, and pass it to `publish`. One query."""
        return self._store.token(key)

    def publish(
        self,
        key: str,
        serialized: Any,
        *,
        token: int | None = None,
        signal: bool = False,
        connection: Connection | None = None,
    ) -> Published:
        """Makes a DAG current for `key`.

        Args:
            serialized: the mapping that Airflow stores, or an `EncodedDag`.
            token: the result of `token(key)` before the file was read; None: publish unconditionally.
            signal: raise the fresh flag even if nothing changed.
            connection: a transaction that the caller has open and commits; after that, call `announce`.

        Raises:
            InvalidDagError: `serialized` is not a DAG; the current version stays current.
            PublishConflictError: another process published since `token` was read. Read the file again.
            StoreUnavailableError: the database did not answer.
        """
        encoded = (
            serialized if isinstance(serialized, EncodedDag) else encode_dag(serialized, self._hot_fields)
        )
        content = Content(encoded.hot, encoded.cold)
        publication = Publication(key, content, encoded.content_hash, token, signal)
        return self._publish(publication, encoded, connection)

    def delete(
        self, key: str, *, token: int | None = None, connection: Connection | None = None
    ) -> Published:
        """Publishes that `key` has no DAG any more. Raises the same errors as `publish`."""
        return self._publish(Publication(key, None, None, token), None, connection)

    def _publish(
        self, publication: Publication, encoded: EncodedDag | None, connection: Connection | None
    ) -> Published:
        counters = self._stats.database
        started = perf_counter()
        try:
            stored = self._store.publish(publication, connection)
        except PublishConflictError:
            counters.conflicts += 1
            raise
        counters.publish_seconds.record(perf_counter() - started)
        is_news = stored.changed or publication.signal
        if is_news:
            counters.published += 1
        else:
            counters.unchanged += 1
        published = Published(
            publication.key,
            stored.version,
            stored.parsed_seq,
            stored.content_hash,
            stored.changed,
            encoded,
            stored.incarnation,
        )
        if connection is None and is_news:
            self._freshness.learn(_pointer_to(published))  # it is committed
            self._tell(published)
        return published

    def announce(self, published: Published) -> None:
        """Announces a publication that the caller has committed to this process and all nodes. Never raises.

        Only speed depends on it: a process that does not get the announcement learns of the publication when it
        certifies. This process certifies now, because only the database knows whether the transaction was committed.
        """
        self._ask()
        self._tell(published)

    def _tell(self, published: Published) -> None:
        encoded = published.encoded
        parts = self._contents.parts_of(encoded) if published.changed and encoded is not None else {}
        # Before the message, so that processes that receive it find the content.
        if parts and not self._l2.put_many(parts):
            return  # a Redis that did not answer would only make the caller wait again
        self._l2.notify(_pointer_to(published), published.incarnation)

    def claim(self, limit: int = 20) -> AbstractContextManager[list[Claim]]:
        """Up to `limit` fresh DAGs, exclusively, in one transaction that commits when the block ends.

        Raises:
            StoreUnavailableError: the database did not answer.
        """
        return self._claims.claim(limit)

    # The rest

    @property
    def store(self) -> Store:
        """The database behind this cache."""
        return self._store

    def floor(self, key: str) -> Pointer | None:
        """The newest pointer of `key` that this process has learnt of. A read that starts now returns no older one."""
        return self._freshness.known.pointers.get(key)

    @property
    def n_loads(self) -> int:
        """The number of contents loaded from Redis or the database so far."""
        return self._stats.flights.flights

    @property
    def n_learnt(self) -> int:
        """The number of newer versions that this process has learnt of so far."""
        return self._stats.freshness.learnt

    def keys(self) -> Iterator[str]:
        """The keys that have a DAG, as of the last certification. Certifies first if there was none."""
        self._ensure_certified()
        pointers = self._freshness.known.pointers
        return iter([key for key, pointer in list(pointers.items()) if pointer.content_hash is not None])

    def stats(self) -> Snapshot:
        """Everything counted so far, as plain values."""
        snapshot = self._stats.snapshot()
        snapshot["freshness"]["certifications"] = self._freshness.n_certifications
        snapshot["freshness"]["full_certifications"] = self._freshness.n_full
        return snapshot

    def _add_gauges(self) -> None:
        add = self._stats.add_gauge
        add("l1_bytes", lambda: self._l1.nbytes)
        add("l1_entries", lambda: len(self._l1))
        add("keys", lambda: len(self._freshness.known.pointers))
        add("certified_age_seconds", lambda: self._monotonic() - self._freshness.known.certified_at)

    def close(self) -> None:
        """Ends every connection and thread. The cache cannot be used afterwards."""
        self._subscription.close()
        self._l2.close()
        self._store.close()

    def __enter__(self) -> DagCache:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _pointer_to(published: Published) -> Pointer:
    return Pointer(published.key, published.version, published.parsed_seq, published.content_hash)

"""From a pointer to the DAG it names: L2, else the database, one load per content and process."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from time import perf_counter

from sched_cache.cache import SingleFlight
from sched_cache.errors import FormatError
from sched_cache.format import CompactDag, content_hash_of, decode_dag
from sched_cache.freshness import Freshness
from sched_cache.stats import Stats
from sched_cache.store import Pointer, Store, Stored
from sched_cache.store.redis import L2

logger = logging.getLogger("sched_cache")


class Contents:
    """Loads contents by their hash. Keeps none: that is L1's.

    What comes back always has the hash that was asked for. A load that finds another content in the database
    brings nothing, and the process has learnt the newer pointer by then, so the caller asks for that one.
    """

    def __init__(
        self,
        store: Store,
        l2: L2,
        freshness: Freshness,
        flights: SingleFlight[CompactDag],
        stats: Stats,
        find: Callable[[str], CompactDag | None],
    ) -> None:
        self._store = store
        self._l2 = l2
        self._freshness = freshness
        self._flights = flights
        self._counters = stats.database
        self._find = find

    def load(self, pointer: Pointer) -> CompactDag | None:
        """The DAG that `pointer` names; None if the database has another content for that key by now.

        Raises:
            StoreUnavailableError: neither tier answered.
            FormatError: the database's own copy is damaged.
        """
        return self.load_many([pointer]).get(pointer.key)

    def load_many(self, pointers: Sequence[Pointer]) -> dict[str, CompactDag]:
        """The DAGs by key, without those whose content is another by now. One round trip per tier.

        Raises:
            StoreUnavailableError: neither tier answered.
            FormatError: the database's own copy of one is damaged.
        """
        key_of = {pointer.content_hash: pointer.key for pointer in pointers if pointer.content_hash}

        def bring(hashes: list[str]) -> Mapping[str, CompactDag | None]:
            keys = {content_hash: key_of[content_hash] for content_hash in hashes}
            return self._bring(keys)

        loaded = self._flights.do_many(key_of, bring)
        return {
            pointer.key: dag
            for pointer in pointers
            if pointer.content_hash and (dag := loaded.get(pointer.content_hash)) is not None
        }

    def _bring(self, keys: Mapping[str, str]) -> dict[str, CompactDag | None]:
        """Content hash to DAG, given the key under which the database has each."""
        # A flight may have landed and been installed since this one was asked for.
        brought = {content_hash: self._find(content_hash) for content_hash in keys}
        wanted = [content_hash for content_hash, dag in brought.items() if dag is None]

        def read(hashes: list[str]) -> dict[str, bytes]:
            parts = self._read(
                {content_hash: keys[content_hash] for content_hash in hashes}, self._store.read_hot
            )
            return {
                content_hash: _checked(part, content_hash, keys[content_hash])
                for content_hash, part in parts.items()
            }

        if len(wanted) == 1:  # one command to Redis instead of a batch
            hot = self._l2.fetch(wanted[0], lambda: read(wanted).get(wanted[0]))
            parts = {} if hot is None else {wanted[0]: hot}
        else:
            parts = self._l2.fetch_many(wanted, read)
        for content_hash, hot in parts.items():
            brought[content_hash] = self._decode(hot, content_hash, keys[content_hash])
        return brought

    def _read(
        self, keys: Mapping[str, str], read_parts: Callable[[list[str]], Mapping[str, Stored]]
    ) -> dict[str, bytes]:
        """The parts of those contents that are still current in the database; learns what is instead."""
        started = perf_counter()
        stored = read_parts(list(keys.values()))
        self._counters.read_seconds.record(perf_counter() - started)
        parts: dict[str, bytes] = {}
        for content_hash, key in keys.items():
            row = stored.get(key)
            if row is None:
                self._counters.absent += 1
                continue
            self._freshness.learn(row.pointer)
            if row.data is not None and row.pointer.content_hash == content_hash:
                self._counters.contents_read += 1
                parts[content_hash] = row.data
        return parts

    def _decode(self, hot: bytes, content_hash: str, key: str) -> CompactDag:
        dag = decode_dag(hot, lambda: self._cold(dag, key), content_hash=content_hash, is_checked=True)
        return dag

    def _cold(self, dag: CompactDag, key: str) -> bytes | None:
        """The cold part of `dag`; None if the database has another content by now and L2 does not have it."""
        digest = dag.cold_digest

        def read() -> bytes | None:
            assert dag.content_hash is not None
            return self._read({dag.content_hash: key}, self._store.read_cold).get(dag.content_hash)

        return self._l2.fetch(digest, read)


def _checked(hot: bytes, content_hash: str, key: str) -> bytes:
    """`hot`, which the database has under `key`. What Redis returns, L2 has checked."""
    if content_hash_of(hot) != content_hash:
        logger.error("the database's copy of content %s, key %r, is damaged", content_hash, key)
        raise FormatError(f"the content of key {key!r} in the database does not have the hash {content_hash}")
    return hot

"""Loads the DAG that a pointer names: from L2, else from the database, with one load per content and process."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from time import perf_counter

from sched_cache.cache import SingleFlight
from sched_cache.errors import FormatError
from sched_cache.format import CompactDag, EncodedDag, content_hash_of, decode_dag, part_digest, sound, split
from sched_cache.freshness import Freshness
from sched_cache.stats import Stats
from sched_cache.store import Pointer, Store, Stored
from sched_cache.store.l2 import L2

logger = logging.getLogger("sched_cache")


class Contents:
    """Loads contents by their hash. Keeps none: that is the task of L1.

    A result always has the requested hash. A load that finds another content in the database returns nothing; the
    process has learnt the newer pointer by then, so the caller asks for that one.
    """

    def __init__(
        self,
        store: Store,
        l2: L2,
        freshness: Freshness,
        flights: SingleFlight[CompactDag | FormatError],
        stats: Stats,
        find: Callable[[str], CompactDag | None],
        *,
        max_bytes: int,
        keeps_cold: bool = False,
    ) -> None:
        """max_bytes: the limit of a value in Redis. keeps_cold: every DAG comes with its cold part."""
        self._store = store
        self._l2 = l2
        self._freshness = freshness
        self._flights = flights
        self._counters = stats.database
        self._find = find
        self._max_bytes = max_bytes
        self._keeps_cold = keeps_cold
        self._read_contents = store.read_whole if keeps_cold else store.read_hot

    def load_many(self, pointers: Sequence[Pointer]) -> dict[str, CompactDag | FormatError]:
        """The DAGs by key, without keys whose content has changed meanwhile. One round trip per tier.

        If the copy in the database is damaged, the result has an error in place of the DAG: other keys that are
        loaded at once, and threads that wait for them, are not affected.

        Raises:
            StoreUnavailableError: neither tier answered.
        """
        key_of = {pointer.content_hash: pointer.key for pointer in pointers if pointer.content_hash}

        def bring(hashes: list[str]) -> Mapping[str, CompactDag | FormatError | None]:
            keys = {content_hash: key_of[content_hash] for content_hash in hashes}
            return self._bring(keys)

        loaded = self._flights.do_many(key_of, bring)
        return {
            pointer.key: dag
            for pointer in pointers
            if pointer.content_hash and (dag := loaded.get(pointer.content_hash)) is not None
        }

    def _bring(self, keys: Mapping[str, str]) -> dict[str, CompactDag | FormatError | None]:
        """Content hash to DAG, given the key of each hash in the database."""
        # Another flight may have landed and installed its DAG since this one was requested.
        brought: dict[str, CompactDag | FormatError | None] = {
            content_hash: self._find(content_hash) for content_hash in keys
        }
        wanted = [content_hash for content_hash, dag in brought.items() if dag is None]

        def read(hashes: list[str]) -> dict[str, bytes]:
            parts = self._read(
                {content_hash: keys[content_hash] for content_hash in hashes}, self._read_contents
            )
            # L2 has checked the values from Redis.
            checked = {name: sound(part, name, self._max_bytes) for name, part in parts.items()}
            for content_hash, part in checked.items():
                if part is None:
                    brought[content_hash] = self._damaged(content_hash, keys[content_hash])
            return {content_hash: part for content_hash, part in checked.items() if part is not None}

        parts: Mapping[str, bytes] = {}
        if len(wanted) == 1:  # one command to Redis instead of a batch
            part = self._l2.fetch(wanted[0], lambda: read(wanted).get(wanted[0]))
            parts = {} if part is None else {wanted[0]: part}
        elif wanted:
            parts = self._l2.fetch_many(wanted, read)
        for content_hash, part in parts.items():
            try:
                brought[content_hash] = self._decode(part, content_hash, keys[content_hash])
            except FormatError as error:
                brought[content_hash] = error
        return brought

    def _read(
        self, keys: Mapping[str, str], read_parts: Callable[[list[str]], Mapping[str, Stored]]
    ) -> dict[str, bytes]:
        """The parts of the contents that are still current in the database; learns newer pointers."""
        started = perf_counter()
        floors = self._freshness.known.pointers
        before = {key: floors.get(key) for key in keys.values()}
        stored = read_parts(list(keys.values()))
        self._counters.read_seconds.record(perf_counter() - started)
        parts: dict[str, bytes] = {}
        for content_hash, key in keys.items():
            row = stored.get(key)
            self._freshness.learn_row(key, row.pointer if row else None, before[key])
            if row is None:
                self._counters.absent += 1
                continue
            if row.data is not None and row.pointer.content_hash == content_hash:
                self._counters.contents_read += 1
                parts[content_hash] = row.data
        return parts

    def _decode(self, part: bytes, content_hash: str, key: str) -> CompactDag:
        def cold() -> bytes | None:
            return self._cold(digest, content_hash, key)

        hot, cold_part = split(part)
        dag = decode_dag(hot, cold, content_hash=content_hash, is_checked=True)
        if cold_part is not None and self._keeps_cold:
            dag.keep_cold(cold_part, is_checked=True)
        # The digest instead of the DAG: a DAG that refers to itself would be freed late after its eviction.
        digest = dag.cold_digest
        return dag

    def _cold(self, digest: str, content_hash: str, key: str) -> bytes | None:
        """The cold part; None if the database has a newer content and L2 does not have the part."""

        def read() -> bytes | None:
            return self._read({content_hash: key}, self._store.read_cold).get(content_hash)

        return self._l2.fetch(digest, read)

    def keep_cold(self, dags: Mapping[str, CompactDag]) -> set[str]:
        """Makes DAGs keep their cold parts; the keys of those that have it now. One round trip per tier.

        Args:
            dags: by key.

        Raises:
            StoreUnavailableError: neither tier answered.
        """
        wanted = {dag.cold_digest: (key, dag) for key, dag in dags.items() if not dag.keeps_cold}

        def read(digests: list[str]) -> dict[str, bytes]:
            key_of = {str(wanted[digest][1].content_hash): wanted[digest][0] for digest in digests}
            parts = self._read(key_of, self._store.read_cold)
            digest_of = {str(wanted[digest][1].content_hash): digest for digest in digests}
            found = {digest_of[content_hash]: part for content_hash, part in parts.items()}
            for digest, part in list(found.items()):
                if content_hash_of(part) != digest:  # L2 has checked the values from Redis
                    key, dag = wanted[digest]
                    self._damaged(str(dag.content_hash), key)
                    del found[digest]
            return found

        parts: Mapping[str, bytes] = {}
        if len(wanted) == 1:
            [digest] = wanted
            part = self._l2.fetch(digest, lambda: read([digest]).get(digest))
            parts = {} if part is None else {digest: part}
        elif wanted:
            parts = self._l2.fetch_many(list(wanted), read)
        for dag in dags.values():
            if not dag.keeps_cold and dag.cold_digest in parts:
                dag.keep_cold(parts[dag.cold_digest])
        return {key for key, dag in dags.items() if dag.keeps_cold}

    def parts_of(self, encoded: EncodedDag) -> dict[str, bytes]:
        """The values to store in Redis for a content, by name: those that readers of this kind request."""
        both = encoded.hot + encoded.cold
        if self._keeps_cold and len(both) <= self._max_bytes:
            return {encoded.content_hash: both}
        return {encoded.content_hash: encoded.hot, part_digest(encoded.cold).hex(): encoded.cold}

    def _damaged(self, content_hash: str, key: str) -> FormatError:
        self._counters.damaged += 1
        logger.error("the database's copy of content %s, key %r, is damaged", content_hash, key)
        return FormatError(
            f"the content of key {key!r} in the database does not have the hash {content_hash}"
        )

"""L1: the decoded DAGs of this process, limited in bytes and in number."""

from __future__ import annotations

import random
from collections.abc import Callable
from threading import RLock
from typing import Generic

from sched_cache import fork
from sched_cache.cache.eviction import D, EvictionOrder, Resident
from sched_cache.stats import L1Counters

OVERHEAD_BYTES = 1024
"""Overhead of one resident besides its DAG: entry, bookkeeping, eviction order, and memory of evicted contents."""

_USUAL_GROWTH, _MOST_GROWTH = 8, 32
"""The usual and the largest growth of a DAG. Once a scheduler has used it, a DAG takes four to seven times its size at
load, and up to 25 times if every task is held as an object and the cold part is unpacked."""

_GROWTH_WEIGHT = 1 / 32


class Entry(Generic[D]):
    """The version and content that a key points to. Immutable, so that a reader never sees the number of one version
    with the DAG of another.
    """

    __slots__ = ("resident", "version")

    def __init__(self, version: int, resident: Resident[D]) -> None:
        self.version = version
        self.resident = resident

    @property
    def content_hash(self) -> str:
        """The name of the content. Keys that point to the same content share one DAG."""
        return self.resident.content_hash

    @property
    def dag(self) -> D:
        """The decoded DAG."""
        return self.resident.dag


class L1(Generic[D]):
    """A mapping from key to version and DAG. Reads take no lock; changes do.

    A content stays as long as some key points to it and the eviction order gives it a place. A content that no
    key points to any more is dropped at once, before room is needed.

    entries: read by callers that inline `get`; only this class changes it.
    order: a hit stores its `tick` in `entry.resident.stamp`.
    lock: guards everything here. Reentrant: hold it to make `put` and a check of your own one step.
    """

    def __init__(
        self,
        max_bytes: int,
        max_entries: int,
        counters: L1Counters,
        source: random.Random | None = None,
    ) -> None:
        self.entries: dict[str, Entry[D]] = {}
        self.lock = RLock()
        self.order: EvictionOrder[D] = EvictionOrder(
            max_bytes, max_entries, self._drop_evicted, source or random.Random()
        )
        self._max_bytes = max_bytes
        self._counters = counters
        self._growth = 1.0  # mean ratio of a resident's present size to its size at admission
        self._books: dict[str, Resident[D]] = {}  # by content hash
        self._nbytes = (
            0  # that of the order after each change; the order exceeds the limit while it makes room
        )
        self._unmeasured: list[str] = []
        fork.register(self)

    def get(self, key: str, min_version: int = 0) -> D | None:
        """The DAG of `key` if its version is at least `min_version`, else None."""
        entry = self.entries.get(key)
        if entry is None or entry.version < min_version:
            self._counters.misses += 1
            return None
        self._counters.hits += 1
        resident = entry.resident
        resident.stamp = self.order.tick
        return resident.dag

    def find(self, content_hash: str) -> D | None:
        """The DAG with this content, whatever key points to it, else None. Not a use."""
        with self.lock:
            resident = self._books.get(content_hash)
            return resident.dag if resident else None

    def put(self, key: str, version: int, content_hash: str, dag: D, nbytes: int | None = None) -> bool:
        """Whether `key` now points to this version or a newer one; if not, the caller has the only copy.

        An older version of `key` is gone afterwards in any case. If the content is resident already, `dag` is
        not kept, and `key` shares the resident DAG.

        Args:
            nbytes: an estimate, for use where `dag.nbytes` is too expensive; `measure` corrects it.
        """
        loaded_nbytes = dag.nbytes if nbytes is None else nbytes
        with self.lock:
            present = self.entries.get(key)
            if present is not None and present.version >= version:
                return True
            resident = self._books.get(content_hash)
            if present is not None and present.resident is not resident:
                self._unlink(key, present)
            if resident is None:
                # It is expected to grow as the others did, until it is measured.
                size = OVERHEAD_BYTES + loaded_nbytes
                expected = OVERHEAD_BYTES + int(loaded_nbytes * self._growth)
                resident = Resident(content_hash, dag, min(expected, self._max_bytes), loaded_nbytes)
                is_kept = size <= self._max_bytes and self.order.admit(resident)
                self._nbytes = self.order.nbytes
                if not is_kept:
                    self._counters.not_kept += 1
                    return False
                self._books[content_hash] = resident
                self._counters.kept += 1
            if key not in resident.keys:
                resident.keys += (key,)
            self.entries[key] = Entry(version, resident)
            return True

    def discard(self, key: str, older_than: int | None = None) -> bool:
        """Removes `key` if its version is below `older_than` (None: any version); whether it did."""
        with self.lock:
            entry = self.entries.get(key)
            if entry is None or (older_than is not None and entry.version >= older_than):
                return False
            self._unlink(key, entry)
            return True

    def clear(self) -> None:
        """Forgets everything."""
        with self.lock:
            self.entries.clear()
            self._books.clear()
            self.order.clear()
            self._nbytes = 0
            self._unmeasured.clear()

    def measure(self, limit: int, renew: Callable[[D], D] | None = None) -> None:
        """Measures up to `limit` residents, each once and in turn, and evicts residents that no longer fit.

        A DAG grows as its sections are unpacked. Newcomers are expected to grow as much as is found here.
        Cost: `limit` times `dag.nbytes`.

        Args:
            renew: returns the DAG to keep from now on: the same one, or a smaller one of the same content.
        """
        with self.lock:
            if limit >= len(self._books):  # each once, from the beginning
                self._unmeasured = self._oldest_last()
        for _ in range(min(limit, len(self._books))):
            with self.lock:
                if not self._unmeasured:
                    self._unmeasured = self._oldest_last()
                if not self._unmeasured:
                    return
                resident = self._books.get(self._unmeasured.pop())
            if resident is None:
                continue
            if renew is not None:
                resident.dag = renew(resident.dag)
            nbytes = resident.dag.nbytes
            size = OVERHEAD_BYTES + nbytes
            with self.lock:
                growth = min(_MOST_GROWTH, max(1.0, nbytes / max(1, resident.loaded_nbytes)))
                self._growth += (growth - self._growth) * _GROWTH_WEIGHT
                if self._books.get(resident.content_hash) is resident:
                    self.order.resize(resident, size)
                    self._nbytes = self.order.nbytes

    def _oldest_last(self) -> list[str]:
        # They are taken from the end: the latest newcomers are unused and would look smaller than they will be.
        return list(self._books)[::-1]

    @property
    def is_tight(self) -> bool:
        """Whether the limit would be exceeded if every resident grew as DAGs usually do."""
        return self._nbytes * _USUAL_GROWTH > self._max_bytes

    @property
    def nbytes(self) -> int:
        """Bytes in use as last measured, or as expected for DAGs not measured yet; never above the limit."""
        return self._nbytes

    def __len__(self) -> int:
        """The number of resident contents."""
        return len(self._books)

    def reset_after_fork(self) -> None:
        """Keeps the contents, unless another thread was changing them when the process forked."""
        was_free = self.lock.acquire(blocking=False)
        self.lock = RLock()
        if not was_free:
            self.clear()

    def _drop_evicted(self, resident: Resident[D]) -> None:
        self._counters.evictions += 1
        for key in resident.keys:
            del self.entries[key]
        resident.keys = ()
        del self._books[resident.content_hash]

    def _unlink(self, key: str, entry: Entry[D]) -> None:
        del self.entries[key]
        resident = entry.resident
        resident.keys = tuple(other for other in resident.keys if other != key)
        if not resident.keys:
            self._counters.superseded += 1
            self.order.remove(resident)
            self._nbytes = self.order.nbytes
            del self._books[resident.content_hash]

"""Claims: each fresh DAG goes to one process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from sched_cache.clock import Clock
from sched_cache.errors import StoreUnavailableError
from sched_cache.freshness.freshness import Freshness
from sched_cache.store import ChangeSet, Connection, Pointer, Seq, Store, Version

_MAX_ROUNDS = 3
"""Attempts of a claim. Each further one needs a restore, or a publication of a claimed DAG, in between."""


class Claim:
    """The exclusive right to act on one publication that is not acknowledged.

    It ends with the transaction that it was taken in: by its commit, its rollback, or the death of its process.
    """

    __slots__ = ("_store", "connection", "pointer")

    def __init__(self, store: Store, connection: Connection, pointer: Pointer) -> None:
        self._store = store
        self.connection = connection
        """The transaction to write the effect in."""
        self.pointer = pointer

    @property
    def key(self) -> str:
        """The key of the DAG."""
        return self.pointer.key

    @property
    def version(self) -> Version:
        """The version to act on, or a newer one: the `min_version` of the read that the effect follows."""
        return self.pointer.version

    @property
    def parsed_seq(self) -> Seq:
        """The publication that was claimed."""
        return self.pointer.parsed_seq

    @property
    def is_deleted(self) -> bool:
        """Whether the publication is the deletion of the DAG."""
        return self.pointer.content_hash is None

    def acknowledge(self) -> bool:
        """Records, in the transaction of the effect, that this transaction contains the effect of the publication.

        Returns:
            True, or False if this claim was acknowledged already. A publication after the claim stays fresh.
        """
        return self._store.acknowledge(self.connection, self.key, self.parsed_seq)


class _LowWater(NamedTuple):
    """In the history `incarnation`, everything published up to `seq` was found to be acknowledged at `found_at`.

    This stays true: acknowledgements are never withdrawn, and each publication draws a number above the counter.
    """

    incarnation: str
    seq: int
    found_at: float


class Claims:
    """Claims fresh DAGs, oldest publication first.

    If nothing is fresh, this takes one query that reads no row, because it starts at the sequence up to which the
    previous query found everything acknowledged. Every `full_every_seconds` it starts at 0 again, because a restored
    database may have lost acknowledgements.

    Thread-safe.
    """

    def __init__(
        self, store: Store, clock: Clock, freshness: Freshness, *, full_every_seconds: float
    ) -> None:
        self._store = store
        self._clock = clock
        self._freshness = freshness
        self._full_every_seconds = full_every_seconds
        # Replaced as a whole, without a lock: if two threads find one each, both are true.
        self._low_water = _LowWater("", 0, float("-inf"))

    @contextmanager
    def claim(self, limit: int) -> Iterator[list[Claim]]:
        """Up to `limit` claims that no other process holds, in one transaction.

        It is committed when the block ends, and rolled back when the block raises: effects and acknowledgements
        together. A DAG whose claim was not acknowledged stays fresh, and any process may claim it.

        Raises:
            StoreUnavailableError: the database did not answer. If the commit failed, either both the effects and
                the acknowledgements happened, or neither.
        """
        for _ in range(_MAX_ROUNDS):
            page = self._oldest(limit)
            if not page.pointers:
                yield []
                return
            with self._store.transaction() as connection:
                taken = self._take(connection, page, limit)
                if not any(self._freshness.is_behind(pointer) for pointer in taken):
                    for pointer in taken:
                        self._freshness.learn(pointer)
                    yield [Claim(self._store, connection, pointer) for pointer in taken]
                    return
            # The effect must not be computed from a version that a restore has undone. The query runs outside of the
            # transaction: a restore is declared in a transaction of its own, which would wait for these locks.
            self._freshness.certify(full=True)
        raise StoreUnavailableError(
            "what is fresh in the database is older than what is known, again and again"
        )

    def _take(self, connection: Connection, page: ChangeSet, limit: int) -> list[Pointer]:
        """Locks up to `limit` fresh DAGs, beginning with `page`."""
        taken = self._store.lock_fresh(connection, page.pointers)
        asked = limit
        # DAGs that other processes have locked make room for younger ones.
        while len(taken) < limit and len(page.pointers) == asked:
            asked = limit - len(taken)
            page = self._store.fresh(page.pointers[-1].parsed_seq, asked)
            taken += self._store.lock_fresh(connection, page.pointers)
        return taken

    def _oldest(self, limit: int) -> ChangeSet:
        """The first page; also notes where the next one may start."""
        now = self._clock.monotonic()
        low = self._low_water
        if now - low.found_at >= self._full_every_seconds:
            low = _LowWater(low.incarnation, 0, now)
        page = self._store.fresh(low.seq, limit)
        if page.incarnation != low.incarnation or page.counter < low.seq:
            low = _LowWater(page.incarnation, 0, now)
            page = self._store.fresh(0, limit)
        seq = page.pointers[0].parsed_seq - 1 if page.pointers else page.counter
        self._low_water = low._replace(seq=seq)
        return page

"""Fresh DAGs, one claimer each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from sched_cache.clock import Clock
from sched_cache.errors import StoreUnavailableError
from sched_cache.freshness.freshness import Freshness
from sched_cache.store import ChangeSet, Connection, Pointer, Seq, Store, Version

_MAX_ROUNDS = 3
"""Of a claim: each further one needs a restore, or a publication of what it has taken, in between."""


class Claim:
    """The exclusive right to act on one publication that nobody has acknowledged.

    It ends with the transaction it was taken in: by its commit, its rollback, or the death of its process.
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
        """The publication taken."""
        return self.pointer.parsed_seq

    @property
    def is_deleted(self) -> bool:
        """Whether what was published is that the DAG is gone."""
        return self.pointer.content_hash is None

    def acknowledge(self) -> bool:
        """Says, in the transaction of the effect, that the effect of this publication is in it.

        Returns:
            True, or False when this claim was acknowledged already. A publication that came after the claim
            was taken stays fresh.
        """
        return self._store.acknowledge(self.connection, self.key, self.parsed_seq)


class _LowWater(NamedTuple):
    """In the history `incarnation`, everything published up to `seq` is acknowledged: found at `found_at`.

    That stays true: acknowledgements are not taken back, and publishing again draws a number above the
    counter.
    """

    incarnation: str
    seq: int
    found_at: float


class Claims:
    """Takes fresh DAGs, oldest publication first.

    Where nothing is fresh that is one query which reads no row, for it begins where the last one found
    everything acknowledged. Every `full_every_seconds` it begins at 0 again, because a restored database may
    have taken acknowledgements back.

    Safe for threads.
    """

    def __init__(
        self, store: Store, clock: Clock, freshness: Freshness, *, full_every_seconds: float
    ) -> None:
        self._store = store
        self._clock = clock
        self._freshness = freshness
        self._full_every_seconds = full_every_seconds
        # Replaced as a whole, without a lock: any of two that were both found is true.
        self._low_water = _LowWater("", 0, float("-inf"))

    @contextmanager
    def claim(self, limit: int) -> Iterator[list[Claim]]:
        """Up to `limit` claims, none that anybody else holds, in one transaction.

        It is committed when the block ends, and rolled back when the block raises: effects and
        acknowledgements together. A claim that was not acknowledged stays fresh, for anybody.

        Raises:
            StoreUnavailableError: the database did not answer. When the commit failed, effects and
            acknowledgements
                either both happened or neither.
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
            # The effect must not be computed from a version that a restore has undone. Asked outside of the
            # transaction: a restore is declared in one of its own, which would wait for the locks of this one.
            self._freshness.certify(full=True)
        raise StoreUnavailableError(
            "what is fresh in the database is older than what is known, again and again"
        )

    def _take(self, connection: Connection, page: ChangeSet, limit: int) -> list[Pointer]:
        """Locks up to `limit` of the fresh ones, from `page` on."""
        taken = self._store.lock_fresh(connection, page.pointers)
        asked = limit
        # What was locked for others makes room for younger ones.
        while len(taken) < limit and len(page.pointers) == asked:
            asked = limit - len(taken)
            page = self._store.fresh(page.pointers[-1].parsed_seq, asked)
            taken += self._store.lock_fresh(connection, page.pointers)
        return taken

    def _oldest(self, limit: int) -> ChangeSet:
        """The first page, and where it may begin the next time."""
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

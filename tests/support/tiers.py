"""A database and a Redis in the memory of the test, which note what they are asked and fail when told to."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

from sched_cache.errors import StoreUnavailableError
from sched_cache.store import ChangeSet, Pointer, Publication, PublicationResult, Stored
from sched_cache.store.l2 import NoRedis, Subscription
from sched_cache.testing.memory_store import MemoryStore


class WatchedStore(MemoryStore):
    """`queries`: the name of each method that was called, without those that open or end a transaction.

    is_down: every query fails. damaged: by key, what is read instead of either part. after_read_hot: called
    with what a read of hot parts found, before the reader gets it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.queries: list[str] = []
        self.is_down = False
        self.damaged: dict[str, bytes] = {}
        self.after_read_hot: Callable[[], None] = lambda: None

    def publish(self, publication: Publication, connection: Any = None) -> PublicationResult:
        self._asked("publish")
        return super().publish(publication, connection)

    def changes_since(self, cursor: int) -> ChangeSet:
        self._asked("changes_since")
        return super().changes_since(cursor)

    def read_pointers(self, keys: Collection[str]) -> dict[str, Pointer]:
        self._asked("read_pointers")
        return super().read_pointers(keys)

    def read_hot(self, keys: Collection[str]) -> dict[str, Stored]:
        self._asked("read_hot")
        found = self._damage(super().read_hot(keys))
        self.after_read_hot()
        return found

    def read_cold(self, keys: Collection[str]) -> dict[str, Stored]:
        self._asked("read_cold")
        return self._damage(super().read_cold(keys))

    def read_whole(self, keys: Collection[str]) -> dict[str, Stored]:
        self._asked("read_whole")
        return self._damage(super().read_whole(keys))

    def _asked(self, query: str) -> None:
        self.queries.append(query)
        if self.is_down:
            raise StoreUnavailableError("the test took the database down")

    def _damage(self, found: dict[str, Stored]) -> dict[str, Stored]:
        return {
            key: replace(stored, data=self.damaged[key]) if key in self.damaged else stored
            for key, stored in found.items()
        }


class RecordingL2(NoRedis):
    """A Redis that always answers, shared by all tiers that get it. `reads`, `writes`: the digests of each call."""

    def __init__(self) -> None:
        self.parts: dict[str, bytes] = {}
        self.reads: list[list[str]] = []
        self.writes: list[list[str]] = []
        self.notified: list[Pointer] = []
        self.hear: list[Callable[[], None]] = []
        """Each subscriber's way to be told."""
        self.rejoin: list[Callable[[], None]] = []

    def fetch(self, digest: str, load: Callable[[], bytes | None]) -> bytes | None:
        self.reads.append([digest])
        part = self.parts.get(digest)
        if part is None and (part := load()) is not None:
            self.parts[digest] = part
        return part

    def fetch_many(
        self, digests: Collection[str], load: Callable[[list[str]], Mapping[str, bytes]]
    ) -> dict[str, bytes]:
        self.reads.append(list(digests))
        missing = [digest for digest in digests if digest not in self.parts]
        if missing:
            self.parts.update(load(missing))
        return {digest: self.parts[digest] for digest in digests if digest in self.parts}

    def put_many(self, parts: Mapping[str, bytes]) -> bool:
        self.writes.append(list(parts))
        self.parts.update(parts)
        return True

    def notify(self, pointer: Pointer, incarnation: str) -> bool:
        self.notified.append(pointer)
        return True

    def subscribe(
        self,
        on_heard: Callable[[], None],
        on_joined: Callable[[], None],
        incarnation: Callable[[], str | None],
    ) -> Subscription:
        self.hear.append(on_heard)
        self.rejoin.append(on_joined)
        return super().subscribe(on_heard, on_joined, incarnation)

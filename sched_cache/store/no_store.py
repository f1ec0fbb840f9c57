"""The store of a process that may not use its tables: empty at all times, at no cost."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from sched_cache.errors import StoreUnavailableError
from sched_cache.store.contract import (
    ChangeSet,
    Connection,
    Pointer,
    Publication,
    PublicationResult,
    Seq,
    Stored,
)

_INCARNATION: Final = "none"
_NOTHING: Final = ChangeSet((), Seq(0), _INCARNATION, Seq(0))


class NoStore:
    """See `Store`. Every key is absent, and a publication is refused."""

    def init_db(self) -> None:
        pass

    def token(self, key: str) -> Seq:
        return Seq(0)

    def publish(self, publication: Publication, connection: Connection | None = None) -> PublicationResult:
        return self.publish_many([publication], connection)[0]

    def publish_many(
        self, publications: Sequence[Publication], connection: Connection | None = None
    ) -> list[PublicationResult]:
        raise StoreUnavailableError("this process has no tables to publish to")

    def changes_since(self, cursor: int) -> ChangeSet:
        return _NOTHING

    def read_pointers(self, keys: Collection[str]) -> dict[str, Pointer]:
        return {}

    def read_hot(self, keys: Collection[str]) -> dict[str, Stored]:
        return {}

    def read_cold(self, keys: Collection[str]) -> dict[str, Stored]:
        return {}

    def read_whole(self, keys: Collection[str]) -> dict[str, Stored]:
        return {}

    def fresh(self, above: int, limit: int) -> ChangeSet:
        return _NOTHING

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        yield None

    def lock_fresh(self, connection: Connection, pointers: Sequence[Pointer]) -> list[Pointer]:
        return []

    def acknowledge(self, connection: Connection, key: str, taken_seq: int) -> bool:
        return False

    def purge_tombstones(self, before_seq: int) -> int:
        return 0

    def new_incarnation(self, expected: str) -> str:
        return _INCARNATION

    def close(self) -> None:
        pass

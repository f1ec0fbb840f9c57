"""The store protocol: pointers, contents, flags, and one counter that orders them all."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, NewType, Protocol, TypeAlias

from sched_cache.errors import InvalidDagError

# Both are drawn from the counter of the store, but have different meanings.
Version = NewType("Version", int)
"""The counter at the last change of content of a key. 0: never published."""
Seq = NewType("Seq", int)
"""The counter at a publication of a key, changed or not. 0: never published."""

# An open transaction of the store's database: a `sqlalchemy.engine.Connection` or a `MemoryTransaction`. `Any`,
# because the caller writes effects in it with the driver's own methods.
Connection: TypeAlias = Any

MAX_KEY_LENGTH = 250
MAX_HASH_LENGTH = 64


@dataclass(frozen=True, slots=True)
class Pointer:
    """The current content of a key. `content_hash` None is a tombstone: the DAG was deleted."""

    key: str
    version: Version
    parsed_seq: Seq
    content_hash: str | None


@dataclass(frozen=True, slots=True)
class Content:
    """The two parts of one encoded DAG, opaque to the store."""

    hot: bytes
    cold: bytes


@dataclass(frozen=True, slots=True)
class Stored:
    """A pointer and one part of the content that it names, from the same row. `data` None: a tombstone."""

    pointer: Pointer
    data: bytes | None


@dataclass(frozen=True, slots=True)
class Publication:
    """One content, or with None for both `content` and `content_hash` one tombstone, to make current.

    `token` is the `Store.token` read before the file was opened; None publishes unconditionally. `signal` raises the
    fresh flag even if the content is unchanged.

    Raises:
        InvalidDagError: the key cannot be stored exactly by every database.
    """

    key: str
    content: Content | None
    content_hash: str | None
    token: int | None = None
    signal: bool = False

    def __post_init__(self) -> None:
        if (self.content is None) != (self.content_hash is None):
            raise ValueError("a content and its hash go together, a tombstone has neither")
        if self.content_hash is not None and not 1 <= len(self.content_hash) <= MAX_HASH_LENGTH:
            raise ValueError(f"a content hash has 1 to {MAX_HASH_LENGTH} characters")
        if self.content_hash is not None and not (
            self.content_hash.isascii() and self.content_hash.isprintable()
        ):
            raise ValueError(f"content hash: got {self.content_hash!r}, allowed: printable ASCII")
        check_key(self.key)


@dataclass(frozen=True, slots=True)
class PublicationResult:
    """The current state after a publication. `changed`: the content has changed, so `version` was increased.

    incarnation: the history that the publication is in; empty if nothing was published.
    """

    version: Version
    parsed_seq: Seq
    content_hash: str | None
    changed: bool
    incarnation: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """Pointers by rising `parsed_seq`, and the state of the counter in the same snapshot.

    Every publication up to `counter` is visible in it. `incarnation` names the history that the counter
    belongs to. Tombstones up to `purged_seq` may be gone.
    """

    pointers: tuple[Pointer, ...]
    counter: Seq
    incarnation: str
    purged_seq: Seq

    def is_complete_after(self, cursor: int) -> bool:
        """Whether no purged tombstone is missing after `cursor`."""
        return cursor == 0 or cursor >= self.purged_seq


def in_range(name: str, value: int, low: int = 0, high: int = 2**63 - 1) -> int:
    """`value`, if every database can store it.

    Raises:
        ValueError: it is not an integer from `low` to `high`.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueError(f"{name}: got {value!r}, allowed: integer, {low} to {high}")
    return value


def check_key(key: str) -> None:
    """Raises InvalidDagError unless every database stores this key exactly and finds it again."""
    reason = why_not_storable(key)
    if reason is not None:
        raise InvalidDagError(key, "dag_id", reason)


def why_not_storable(key: str) -> str | None:
    """Why some database would refuse or alter this key; None if none would. Such a key is always absent."""
    if not 1 <= len(key) <= MAX_KEY_LENGTH:
        return f"{len(key)} characters, allowed are 1 to {MAX_KEY_LENGTH}"
    if "\0" in key or (not key.isascii() and any("\ud800" <= char <= "\udfff" for char in key)):
        return "holds a character that PostgreSQL cannot store"
    if key.endswith(" "):
        return "ends with a space, and MySQL takes it for the key without"
    return None


class Store(Protocol):
    """The source of truth. Thread-safe, and usable by any number of processes on one database.

    Every method raises StoreUnavailableError if the database did not answer within limited retries; a statement in a
    caller's transaction is never retried. An absent key is missing from the answer; a missing answer is never
    reported as an absence.
    """

    def init_db(self) -> None:
        """Creates or upgrades the tables; any number of processes may do so at once.

        Without this call the first use does it, unless the store was opened with `create=False`.
        """

    def token(self, key: str) -> Seq:
        """The sequence of the last publication of `key`, 0 if none. Read it before the file is opened."""

    def publish(self, publication: Publication, connection: Connection | None = None) -> PublicationResult:
        """`publish_many` of one. One query if there is nothing to do."""

    def publish_many(
        self, publications: Sequence[Publication], connection: Connection | None = None
    ) -> list[PublicationResult]:
        """Makes the publications current, all or none, and returns their results in order. Each key at most once.

        Keys are locked in their order, then the counter, until the commit. With `connection`, an open transaction of
        the caller, this happens inside of it and takes effect when the caller commits. Commit soon, because every
        other publisher waits.

        Raises:
            PublishConflictError: a token is not the current sequence; nothing was published.
        """

    def changes_since(self, cursor: int) -> ChangeSet:
        """The pointers with `parsed_seq > cursor`, in a transaction of its own. One query; all for 0."""

    def read_pointers(self, keys: Collection[str]) -> dict[str, Pointer]:
        """The current pointers, tombstones too. One query per 500 keys."""

    def read_hot(self, keys: Collection[str]) -> dict[str, Stored]:
        """Pointers with hot parts, each pair from one row. One query per 500 keys."""

    def read_cold(self, keys: Collection[str]) -> dict[str, Stored]:
        """Pointers with cold parts, each pair from one row. One query per 500 keys."""

    def read_whole(self, keys: Collection[str]) -> dict[str, Stored]:
        """Pointers with the hot part followed by the cold part, from one row. One query per 500 keys."""

    def fresh(self, above: int, limit: int) -> ChangeSet:
        """The `limit` oldest pointers with `parsed_seq` over `acknowledged_seq` and `above`. One query."""

    def transaction(self) -> AbstractContextManager[Connection]:
        """A transaction of the store's own: committed when the block ends, rolled back when it raises."""

    def lock_fresh(self, connection: Connection, pointers: Sequence[Pointer]) -> list[Pointer]:
        """Those of `pointers` that are still not acknowledged, now locked for this transaction alone.

        Rows that another transaction has locked are left out, without waiting. The locks end with the transaction,
        and therefore with the connection and with the process. On SQLite the only lock is the write lock of the
        database, which `transaction` took: a second claimer, like any writer, waits for it.
        """

    def acknowledge(self, connection: Connection, key: str, taken_seq: int) -> bool:
        """Raises `acknowledged_seq` to `taken_seq` in the caller's transaction; whether it rose.

        Never lowers it, and never raises it above `parsed_seq`: a later publication keeps its flag.
        """

    def purge_tombstones(self, before_seq: int) -> int:
        """Removes the acknowledged tombstones published up to `before_seq`; their number.

        `ChangeSet.purged_seq` tells a process with an older cursor to read everything again.
        """

    def new_incarnation(self, expected: str) -> str:
        """Declares that the database went back in time, unless another process did; the incarnation that now holds.

        The counter continues from its value in the database, and above every sequence in use.
        """

    def close(self) -> None:
        """Ends every connection. The store cannot be used afterwards."""

"""The knowledge of one process about the database."""

from __future__ import annotations

from typing import Protocol

from sched_cache.store import Pointer


class Known:
    """The newest pointer learnt per key, and the time up to which the pointers are complete.

    Any thread reads it without a lock; `Freshness` changes it under its lock. It is never emptied: to forget
    everything, `Freshness` replaces it with a new `Known`. A read that takes `Freshness.known` once and uses only that
    has one consistent answer, whatever is learnt or forgotten meanwhile.
    """

    __slots__ = ("certified_at", "pointers")

    def __init__(self) -> None:
        self.pointers: dict[str, Pointer] = {}
        """The floor by key. After the first certification, a missing key is absent in the database."""
        self.certified_at = float("-inf")
        """The clock before the query was sent; `pointers` are at least as new as its answer."""


class Listener(Protocol):
    """The owner of copies, which drops outdated ones.

    The thread that learns calls it under the lock of `Freshness`: it must not block, and must not call `Freshness`.
    """

    def superseded(self, pointer: Pointer) -> None:
        """Makes sure that no version older than `pointer` is returned or installed for its key from now on."""

    def forgotten(self) -> None:
        """The database went back in time: all known versions are meaningless, for every key."""

"""What one process knows about the database."""

from __future__ import annotations

from typing import Protocol

from sched_cache.store import Pointer


class Known:
    """The newest pointer learnt per key, and when that was the whole truth.

    Read by any thread without a lock; changed by `Freshness` under its lock; never emptied: what forgets
    everything puts a new `Known` in its place. A read that takes `Freshness.known` once and asks only that
    has one consistent answer, whatever is learnt or forgotten meanwhile.
    """

    __slots__ = ("certified_at", "pointers")

    def __init__(self) -> None:
        self.pointers: dict[str, Pointer] = {}
        """By key: the floor. A key that is missing is absent, once there was a certification."""
        self.certified_at = float("-inf")
        """The clock read before the query was sent that `pointers` are at least as new as."""


class Listener(Protocol):
    """Who keeps copies, and drops them when they are old.

    Called by the thread that learns, under the lock of `Freshness`: must not block, nor call `Freshness`.
    """

    def superseded(self, pointer: Pointer) -> None:
        """From now on nothing older than `pointer` is returned or installed for its key."""

    def forgotten(self) -> None:
        """The database went back in time: no version means what it meant, for any key."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sched_cache.freshness import Freshness
from sched_cache.store import ChangeSet, Pointer
from sched_cache.testing.memory_store import MemoryStore
from tests.support.clock import ManualClock

MAX_STALENESS_SECONDS = 5.0
FULL_EVERY_SECONDS = 60.0


class WatchedStore(MemoryStore):
    """A store that records what it is asked, and in which a test acts in the middle of a query."""

    def __init__(self) -> None:
        super().__init__()
        self.cursors: list[int] = []
        self.bounds: list[int] = []
        self.before_snapshot: Callable[[], None] = lambda: None
        self.after_snapshot: Callable[[], None] = lambda: None

    def changes_since(self, cursor: int) -> ChangeSet:
        self.cursors.append(cursor)
        self.before_snapshot()
        changes = super().changes_since(cursor)
        self.after_snapshot()
        return changes

    def fresh(self, above: int, limit: int) -> ChangeSet:
        self.bounds.append(above)
        return super().fresh(above, limit)


class Copies:
    """A listener that notes what it was told."""

    def __init__(self) -> None:
        self.superseded_by: list[Pointer] = []
        self.n_forgotten = 0
        self.on_superseded: Callable[[Pointer], None] = lambda pointer: None

    def superseded(self, pointer: Pointer) -> None:
        self.superseded_by.append(pointer)
        self.on_superseded(pointer)

    def forgotten(self) -> None:
        self.n_forgotten += 1


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def store() -> WatchedStore:
    return WatchedStore()


@pytest.fixture
def copies() -> Copies:
    return Copies()


@pytest.fixture
def new_process(store: WatchedStore, clock: ManualClock) -> Callable[[], Freshness]:
    """Makes what another process on the same database has."""

    def start(listener: Copies | None = None) -> Freshness:
        return Freshness(
            store,
            clock,
            listener or Copies(),
            max_staleness_seconds=MAX_STALENESS_SECONDS,
            full_every_seconds=FULL_EVERY_SECONDS,
        )

    return start


@pytest.fixture
def freshness(new_process: Callable[[Copies], Freshness], copies: Copies) -> Freshness:
    return new_process(copies)

from __future__ import annotations

import pytest

from sched_cache.errors import StoreUnavailableError
from sched_cache.testing.memory_store import MemoryStore, MemoryTransaction
from tests.contracts.store import ConcurrentFlagContract, StoreContract, publication


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def twin(store: MemoryStore) -> MemoryStore:
    return store


class TestMemoryStore(StoreContract, ConcurrentFlagContract):
    pass


def test_effects_happen_with_the_commit(store: MemoryStore) -> None:
    """And not at all without it."""
    done: list[str] = []

    def attempt(name: str, fails: bool) -> None:
        with store.transaction() as connection:
            connection.at_commit(lambda: done.append(name))
            assert done == []
            if fails:
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        attempt("undone", fails=True)
    attempt("done", fails=False)
    assert done == ["done"]


def test_a_publisher_gives_up_waiting_for_the_counter() -> None:
    """A transaction that never ends cannot hang everybody."""
    store = MemoryStore(lock_timeout_seconds=0.01)
    with store.transaction() as connection:
        store.publish(publication("sales", "1"), connection)
        with pytest.raises(StoreUnavailableError):
            store.publish(publication("hr", "1"))
    assert store.publish(publication("hr", "1")).changed


def test_a_restored_backup_is_the_database_of_then(store: MemoryStore) -> None:
    """The counter goes back too, which is how processes notice."""
    published = store.publish(publication("sales", "1"))
    backup = store.backup()
    store.publish(publication("sales", "2"))
    transaction = MemoryTransaction()
    store.lock_fresh(transaction, store.fresh(0, 10).pointers)
    store.restore(backup)
    changes = store.changes_since(0)
    assert changes.counter == published.parsed_seq
    assert store.read_hot(["sales"])["sales"].data == b"hot 1"

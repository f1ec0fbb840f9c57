from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from sched_cache.errors import StoreUnavailableError
from sched_cache.store.sql import Retry, SqlStore, open_engines, tables
from tests.contracts.sql_store import SqlStoreContract
from tests.contracts.store import StoreContract, publication


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'dags.db'}"


@pytest.fixture
def store(url: str) -> Iterator[SqlStore]:
    store = SqlStore.open(url)
    yield store
    store.close()


@pytest.fixture
def twin(url: str) -> Iterator[SqlStore]:
    store = SqlStore.open(url)
    yield store
    store.close()


class TestSqlStoreOnSqlite(StoreContract, SqlStoreContract):
    pass


def journal_mode(path: Path) -> str:
    connection = sqlite3.connect(path)
    try:
        mode: str = connection.execute("PRAGMA journal_mode").fetchone()[0]
        return mode
    finally:
        connection.close()


def test_a_file_of_our_own_lets_readers_pass_writers(tmp_path: Path, store: SqlStore) -> None:
    """Nobody who reads waits for a publication."""
    store.publish(publication("sales", "1"))
    assert journal_mode(tmp_path / "dags.db") == "wal"
    with store.transaction() as connection:
        store.publish(publication("sales", "2"), connection)
        assert store.read_hot(["sales"])["sales"].data == b"hot 1"


def test_a_hosts_file_keeps_its_journal(tmp_path: Path, store: SqlStore) -> None:
    """The mode is a property of the file, and the file is the host's."""
    host = sqlite3.connect(tmp_path / "dags.db")
    host.execute("CREATE TABLE runs (dag_id TEXT)")
    host.commit()
    host.close()
    store.publish(publication("sales", "1"))
    assert journal_mode(tmp_path / "dags.db") == "delete"


def test_a_claim_holds_the_only_lock(url: str, store: SqlStore) -> None:
    """There are no locks on rows: while one claims, every other writer waits, and readers do not."""
    store.publish(publication("sales", "1"))
    other = SqlStore(open_engines(url, lock_timeout_seconds=0.05), tables(), retry=Retry(attempts=1))
    page = store.fresh(0, 10)
    with store.transaction() as connection:
        (claimed,) = store.lock_fresh(connection, page.pointers)
        with pytest.raises(StoreUnavailableError), other.transaction():
            raise AssertionError("two claimers")
        with pytest.raises(StoreUnavailableError):
            other.publish(publication("hr", "1"))
        assert other.fresh(0, 10) == page
        store.acknowledge(connection, "sales", claimed.parsed_seq)
    with other.transaction() as connection:
        assert other.lock_fresh(connection, page.pointers) == []
    other.close()


def test_a_child_is_not_stopped_by_the_lock_of_its_parent(store: SqlStore) -> None:
    """Another thread was creating the tables when the process was forked."""
    with store._preparing:
        store.reset_after_fork()
        assert store.token("sales") == 0

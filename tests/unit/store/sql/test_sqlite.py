from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sched_cache.errors import StoreUnavailableError
from sched_cache.store import Content, Publication
from sched_cache.store.sql import Retry, SqlStore, open_engines, tables
from tests.contracts.sql_store import SqlStoreContract
from tests.contracts.store import StoreContract, digest, publication
from tests.support.answered import until_answered


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
    other = SqlStore(open_engines(url, lock_timeout_seconds=0.5), tables(), retry=Retry(attempts=1))
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


def replaced_by(path: Path, content: str) -> None:
    """Puts another database with this content in the place of the file, as a restore does."""
    other = path.with_name("restored.db")
    store = SqlStore.open(f"sqlite:///{other}")
    store.publish(publication("sales", content))
    store.close()
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    other.replace(path)


def test_a_file_that_was_replaced_is_noticed_at_once(tmp_path: Path, store: SqlStore) -> None:
    """An open connection reads the old file for ever; also one that was deleted, or comes back."""
    store.publish(publication("sales", "1"))
    before = store.changes_since(0).incarnation
    replaced_by(tmp_path / "dags.db", "2")
    assert store.read_hot(["sales"])["sales"].data == b"hot 2"
    assert store.changes_since(0).incarnation != before
    store.publish(publication("hr", "1"))
    with closing(SqlStore.open(f"sqlite:///{tmp_path / 'dags.db'}")) as other:
        assert other.token("hr") > 0
    (tmp_path / "dags.db").unlink()
    assert store.changes_since(0).pointers == ()


def test_a_connection_in_use_is_closed_when_it_comes_back_to_a_closed_store(store: SqlStore) -> None:
    """And not whenever the garbage is collected."""
    with store.transaction() as connection:
        store.publish(publication("sales", "1"), connection)
        raw = connection.connection.dbapi_connection
        store.close()
    assert isinstance(raw, sqlite3.Connection)
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        raw.execute("SELECT 1")
    assert store.read_hot(["sales"])["sales"].data == b"hot 1"


@pytest.mark.parametrize("is_older", [True, False])
def test_a_backup_that_was_copied_over_the_file_is_noticed_at_once(
    tmp_path: Path, store: SqlStore, is_older: bool
) -> None:
    """The same file by its number; the pages that an open connection holds are not what it holds."""
    path, backup = tmp_path / "dags.db", tmp_path / "backup.db"

    def checkpoint() -> None:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    for number in ("1", "2"):
        store.publish(publication("sales", number))
        checkpoint()
        if number == "1" or not is_older:
            shutil.copyfile(path, backup)
    if not is_older:
        with closing(SqlStore.open(f"sqlite:///{backup}")) as other:
            other.publish(publication("sales", "3"))
    assert store.read_hot(["sales"])["sales"].data == b"hot 2"
    shutil.copyfile(backup, path)
    assert store.read_hot(["sales"])["sales"].data == (b"hot 1" if is_older else b"hot 3")
    store.publish(publication("hr", "1"))
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_a_file_that_is_no_database_is_an_error_until_it_is_mended(tmp_path: Path) -> None:
    """Typed, and with what to do about it."""
    path = tmp_path / "dags.db"
    path.write_bytes(b"no database" * 1000)
    store = SqlStore.open(f"sqlite:///{path}")
    for ask in (lambda: store.token("sales"), lambda: store.publish(publication("sales", "1"))):
        with pytest.raises(StoreUnavailableError, match="not a database"):
            ask()
    path.unlink()
    assert until_answered(lambda: store.publish(publication("sales", "1"))).changed
    store.close()


def test_a_file_in_a_folder_that_is_missing_is_an_error_until_it_is_there(tmp_path: Path) -> None:
    """Not an exception of the driver."""
    store = SqlStore.open(f"sqlite:///{tmp_path / 'later' / 'dags.db'}")
    with pytest.raises(StoreUnavailableError, match="unable to open"):
        store.token("sales")
    (tmp_path / "later").mkdir()
    assert until_answered(lambda: store.publish(publication("sales", "1"))).changed
    store.close()


def test_a_disk_that_is_full_is_said_once(
    store: SqlStore, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """Reads go on, and writes do as soon as there is room."""
    store.publish(publication("sales", "1"))

    def limit(n_pages: int) -> None:
        with store._engines.writes.connect() as connection:
            connection.exec_driver_sql(f"PRAGMA max_page_count = {n_pages}")

    limit(1)
    large = Publication("hr", Content(b"x" * 500_000, b""), digest("1"))
    for _ in range(3):
        with pytest.raises(StoreUnavailableError, match="full"):
            store.publish(large)
        assert store.token("sales") > 0
    assert [message for message in caplog.messages if "written" in message and "its disk is full" in message]
    assert len(caplog.messages) == 1
    limit(1_000_000)
    assert store.publish(large).changed


@pytest.mark.parametrize("number", [-1, 2**63, "1", True, 1.5])
def test_numbers_that_no_database_holds_are_refused(store: SqlStore, number: Any) -> None:
    """With the name of the argument and its range, before a driver sees them."""
    store.init_db()
    for ask, name in (
        (lambda: store.changes_since(number), "cursor"),
        (lambda: store.fresh(number, 1), "above"),
        (lambda: store.purge_tombstones(number), "before_seq"),
    ):
        with pytest.raises(ValueError, match=rf"^{name}: got .*allowed: integer, 0 to"):
            ask()

"""SQLite keeps the locks of a process in its memory, so a child must not be forked while a connection is open."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import pytest

from sched_cache import fork
from sched_cache.errors import StoreUnavailableError
from sched_cache.store.sql import SqlStore
from sched_cache.store.sql.calls import calls_of_process
from tests.contracts.l1 import in_child
from tests.contracts.store import publication


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    store = SqlStore.open(f"sqlite:///{tmp_path}/cache.db")
    store.publish(publication("sales", "0"))
    yield store
    store.close()


def test_a_fork_waits_for_the_transaction_of_another_thread(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Longer than it waits for any other call: the child would find the file locked for ever."""
    monkeypatch.setattr(fork.gate, "_max_wait_seconds", 0.0)
    is_locked = Event()

    def hold() -> None:
        with store.transaction() as connection:
            store.lock_fresh(connection, store.fresh(0, 10).pointers)
            is_locked.set()
            while not fork.gate._n_forking:
                time.sleep(0.001)

    def publish(content: str) -> bool:
        return store.publish(publication("sales", content)).changed

    thread = Thread(target=hold)
    thread.start()
    assert is_locked.wait(60)
    n_not_waited = fork.gate.n_not_waited
    assert in_child(lambda: publish("1"))
    assert fork.gate.n_not_waited == n_not_waited
    thread.join(60)
    assert publish("2")


def test_a_child_of_a_transaction_leaves_the_file_alone(store: SqlStore) -> None:
    """The thread that forks cannot wait for its own transaction. No read of the child would be protected either."""

    def says_so() -> bool:
        for use in (lambda: store.publish(publication("sales", "1")), lambda: store.read_hot(["sales"])):
            with pytest.raises(StoreUnavailableError, match="forked while its parent used the SQLite file"):
                use()
        return True

    with store.transaction():
        assert in_child(says_so)
    assert in_child(lambda: bool(store.read_hot(["sales"])))
    assert store.publish(publication("sales", "1")).changed


def test_a_publication_of_a_child_outlives_the_connections_of_its_parent(
    store: SqlStore, tmp_path: Path
) -> None:
    """The last connection deletes the log. The one of the child counts, although its parent had others at the fork."""
    assert store.read_hot(["sales"])
    child_to_parent, parent_to_child = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(60)  # it has both ends of its pipes
        code = 1
        try:
            assert store.read_hot(["sales"])
            os.write(child_to_parent[1], b"x")
            os.read(parent_to_child[0], 1)
            store.publish(publication("child", "1"))
            code = 0
        finally:
            os._exit(code)
    os.read(child_to_parent[0], 1)
    assert store.publish(publication("sales", "1")).changed
    store.close()
    assert (tmp_path / "cache.db-wal").exists()
    os.write(parent_to_child[1], b"x")
    assert os.waitpid(child, 0)[1] == 0
    assert store.read_hot(["child"])["child"].data == b"hot 1"
    for descriptor in (*child_to_parent, *parent_to_child):
        os.close(descriptor)


def test_a_child_forked_during_a_read_leaves_the_file_alone(store: SqlStore, tmp_path: Path) -> None:
    """Also through a store that it opens itself: the locks belong to the file."""

    def says_so() -> bool:
        with pytest.raises(StoreUnavailableError, match="forked while its parent used the SQLite file"):
            SqlStore.open(f"sqlite:///{tmp_path}/cache.db").read_hot(["sales"])
        return True

    with calls_of_process().within(60.0) as call, store._engines.reading(call):
        assert in_child(says_so)
    assert in_child(lambda: bool(store.read_hot(["sales"])))

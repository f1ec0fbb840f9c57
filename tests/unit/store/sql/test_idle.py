"""Connections for reads, between the calls that use them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import event

from sched_cache.store.sql import SqlStore
from sched_cache.store.sql.idle import IdleConnections
from tests.contracts.store import publication


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    store = SqlStore.open(f"sqlite:///{tmp_path}/dags.db")
    store.publish(publication("sales", "1"))
    yield store
    store.close()


def nested(store: SqlStore, depth: int) -> None:
    """`depth` reads at the same time."""
    if depth:
        store._on_reads(lambda connection: nested(store, depth - 1))


def test_two_connections_stay_open_and_the_rest_is_closed(store: SqlStore) -> None:
    closed: list[object] = []
    event.listen(store._engines.reads, "close", lambda connection, record: closed.append(connection))
    nested(store, 5)
    assert (len(store._engines.idle), len(closed)) == (2, 3)


def test_a_store_that_was_closed_keeps_no_connection(store: SqlStore) -> None:
    """Also one that comes back later."""
    opened: list[object] = []
    closed: list[object] = []
    event.listen(store._engines.reads, "connect", lambda connection, record: opened.append(connection))
    event.listen(store._engines.reads, "close", lambda connection, record: closed.append(connection))
    store._engines.idle.close()
    closed.clear()
    nested(store, 2)
    store._on_reads(lambda connection: store.close())
    assert len(store._engines.idle) == 0
    assert len(closed) == len(opened) == 2


def test_a_connection_whose_statement_failed_is_closed(store: SqlStore) -> None:
    """It may be in any state."""
    nested(store, 1)
    kept = store._engines.idle.take()
    assert kept is not None
    store._engines.idle.keep(kept)
    with pytest.raises(LookupError):
        store._on_reads(lambda connection: {}[connection])
    assert kept.closed
    assert len(store._engines.idle) == 0


def test_the_last_one_kept_is_the_first_one_taken(store: SqlStore) -> None:
    """Of two, one is used by a single thread; the other one may grow old."""
    first, second = store._engines.reads.connect(), store._engines.reads.connect()
    idle = IdleConnections(2)
    idle.keep(first)
    idle.keep(second)
    assert idle.take() is second
    assert idle.take() is first
    assert idle.take() is None
    first.close()
    second.close()

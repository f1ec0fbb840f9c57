"""Servers that go away and come back."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from sched_cache.errors import StoreUnavailableError
from sched_cache.store.sql import Retry, SqlStore
from tests.contracts.store import publication
from tests.support.answered import until_answered
from tests.support.servers import MariadbServer, PostgresServer, required


@pytest.fixture(scope="module", params=[PostgresServer, MariadbServer])
def server(request: pytest.FixtureRequest) -> Iterator[PostgresServer | MariadbServer]:
    with required():
        server = request.param()
    with server:
        yield server


@pytest.fixture
def store(server: PostgresServer | MariadbServer) -> Iterator[SqlStore]:
    store = SqlStore.open(server.url(server.create_database()), lock_timeout_seconds=60)
    yield store
    store.close()


def test_a_restart_between_two_calls_is_not_noticed(
    server: PostgresServer | MariadbServer, store: SqlStore
) -> None:
    """The pools are full of dead connections; no call fails for it."""

    def restart() -> SqlStore:
        server.restart()
        return store

    published = store.publish(publication("sales", "1"))
    with store.transaction() as connection:
        store.lock_fresh(connection, store.fresh(0, 10).pointers)
    assert restart().read_hot(["sales"])["sales"].data == b"hot 1"
    assert restart().publish(publication("sales", "2", token=published.parsed_seq)).changed
    assert [one.key for one in restart().changes_since(0).pointers] == ["sales"]
    with restart().transaction() as connection:
        assert store.lock_fresh(connection, store.fresh(0, 10).pointers)


def test_dead_connections_cost_one_attempt_together(server: PostgresServer | MariadbServer) -> None:
    """The first one that is found dead takes the others with it."""
    store = SqlStore.open(server.url(server.create_database()), retry=Retry(attempts=2))
    store.publish(publication("sales", "1"))

    def read_in_read(connection: object) -> object:
        return store.read_pointers(["sales"])

    store._on_reads(read_in_read)
    assert len(store._engines.idle) == 2
    server.restart()
    assert store.read_hot(["sales"])["sales"].data == b"hot 1"
    store.close()


def test_an_outage_is_an_error_and_soon(server: PostgresServer | MariadbServer, store: SqlStore) -> None:
    """Reads, publications and claims fail alike; nothing that was written is lost."""
    store.publish(publication("sales", "1"))
    server.kill()
    try:
        for call in (
            lambda: store.token("sales"),
            lambda: store.changes_since(0),
            lambda: store.publish(publication("sales", "2")),
            lambda: store.transaction().__enter__(),
        ):
            began = time.monotonic()
            with pytest.raises(StoreUnavailableError):
                call()
            assert time.monotonic() - began < 20
    finally:
        server.start()
    assert until_answered(lambda: store.read_hot(["sales"]))["sales"].data == b"hot 1"


def test_a_claim_that_is_cut_off_has_no_effect(
    server: PostgresServer | MariadbServer, store: SqlStore
) -> None:
    """The flag is still up."""
    store.publish(publication("sales", "1"))
    page = store.fresh(0, 10)
    with pytest.raises(StoreUnavailableError), store.transaction() as connection:
        (claimed,) = store.lock_fresh(connection, page.pointers)
        store.acknowledge(connection, "sales", claimed.parsed_seq)
        server.kill()
    server.start()
    assert until_answered(lambda: store.fresh(0, 10)) == page


def test_a_hung_mariadb_is_an_error_within_bounds(mariadb_server: MariadbServer) -> None:
    """It accepted the connection and says nothing more; PostgreSQL's driver offers no such limit."""
    store = SqlStore.open(
        mariadb_server.url(mariadb_server.create_database()), lock_timeout_seconds=5, retry=Retry(attempts=2)
    )
    try:
        store.publish(publication("sales", "1"))
        mariadb_server.pause()
        try:
            began = time.monotonic()
            with pytest.raises(StoreUnavailableError):
                store.token("sales")
            assert time.monotonic() - began < 60
        finally:
            mariadb_server.resume()
        assert until_answered(lambda: store.token("sales")) > 0
    finally:
        store.close()

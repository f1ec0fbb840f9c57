"""PostgreSQL behind PgBouncer in transaction mode: a session is lent for one transaction, and then to others."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from sched_cache.cli.database_examination import examine_database
from sched_cache.config import Config
from sched_cache.store.sql import SqlStore
from tests.contracts.store import publication
from tests.support.answered import until_answered
from tests.support.servers import PgbouncerServer, PostgresServer

SETTINGS = ("statement_timeout", "lock_timeout", "transaction_isolation")


@pytest.fixture
def url(pgbouncer_server: PgbouncerServer, postgres_url: str) -> str:
    return pgbouncer_server.url(make_url(postgres_url).database or "")


@pytest.fixture
def store(url: str) -> Iterator[SqlStore]:
    # More connections than the pooler has sessions.
    store = SqlStore.open(url, max_connections=8)
    yield store
    store.close()


def test_every_kind_of_call_is_answered(store: SqlStore, url: str) -> None:
    """The tables are made, too, and `doctor` finds nothing."""
    assert store.publish(publication("sales", "1")).changed
    page = store.fresh(0, 10)
    with store.transaction() as connection:
        (taken,) = store.lock_fresh(connection, page.pointers)
        assert store.acknowledge(connection, "sales", taken.parsed_seq)
    assert store.read_hot(["sales"])["sales"].data == b"hot 1"
    assert all(one.is_well for one in examine_database(Config(database_url=url, redis_url=None)))


def test_settings_of_ours_are_not_lent_on(store: SqlStore, postgres_url: str, url: str) -> None:
    """The next client of a session finds it as the server gives it."""
    host, direct = create_engine(url, future=True), create_engine(postgres_url, future=True)
    query = text("SELECT " + ", ".join(f"current_setting('{name}')" for name in SETTINGS))
    with direct.connect() as connection:
        expected = connection.execute(query).one()
    for number in range(5):
        store.publish(publication("sales", str(number)))
        store.token("sales")
        with host.connect() as connection:
            assert connection.execute(query).one() == expected
    host.dispose()
    direct.dispose()


def test_publishers_that_share_sessions_lose_nothing(store: SqlStore, url: str) -> None:
    """Six processes of the host on two sessions."""
    store.init_db()

    def publish(number: int) -> None:
        own = SqlStore.open(url, lock_timeout_seconds=30.0)
        for n in range(10):
            assert own.publish(publication(f"{number}-{n}", "1")).changed
        own.close()

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(publish, range(6)))
    changes = store.changes_since(0)
    assert len(changes.pointers) == changes.counter == 60


def test_sessions_that_end_behind_the_pooler_are_an_outage_that_heals(
    store: SqlStore, postgres_server: PostgresServer, postgres_url: str
) -> None:
    """A restart of the database, whose clients keep their connections to the pooler."""
    store.publish(publication("sales", "1"))
    name = make_url(postgres_url).database
    for number in range(3):
        postgres_server.execute(
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        )
        assert until_answered(lambda: store.token("sales")) > 0
        assert until_answered(lambda: store.publish(publication("hr", str(number)))).changed  # noqa: B023

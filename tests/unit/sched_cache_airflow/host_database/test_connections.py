"""Connections opened by the means of an engine that somebody else has made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import Engine, make_url
from sqlalchemy.pool import NullPool, QueuePool

from sched_cache.config import Config
from sched_cache.errors import StoreUnavailableError
from sched_cache.store.sql import SqlStore
from sched_cache_airflow.host_database import connections as host_connections
from sched_cache_airflow.host_database.connections import as_host_connects, open_as_host
from tests.contracts.store import publication
from tests.support.answered import until_answered


@pytest.fixture(params=[QueuePool, NullPool])
def engine(request: pytest.FixtureRequest, postgres_url: str) -> Iterator[Engine]:
    """Of a host whose URL leads nowhere: port and application name come from arguments and an event."""
    right = make_url(postgres_url)
    wrong = right.set(port=9)
    options = {"pool_size": 1, "max_overflow": 0} if request.param is QueuePool else {}
    engine = create_engine(
        wrong, connect_args={"application_name": "site"}, poolclass=request.param, future=True, **options
    )

    @event.listens_for(engine, "do_connect")
    def lead(dialect: Any, record: object, arguments: Any, named: dict[str, Any]) -> None:
        named["port"] = right.port

    @event.listens_for(engine, "connect")
    def complete(connection: Any, record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute("SET work_mem = '7MB'")
        connection.commit()
        cursor.close()

    yield engine
    engine.dispose()


def store_of(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> SqlStore:
    monkeypatch.setattr(host_connections, "known_engine", lambda: engine)
    url = engine.url.render_as_string(hide_password=False)
    config, connect = as_host_connects(Config(database_url=url), lambda: url)
    assert connect is not None
    return SqlStore.configured(config, connect=connect)


def test_connections_are_opened_as_the_host_opens_its_own(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Arguments, events that connect, and events that complete what was connected."""
    store = store_of(engine, monkeypatch)
    store.publish(publication("sales", "1"))
    assert store.read_hot(["sales"])["sales"].data == b"hot 1"
    for ours in (store._engines.reads, store._engines.writes):
        with ours.connect() as connection:
            assert connection.execute(text("SHOW application_name")).scalar() == "site"
            assert connection.execute(text("SHOW work_mem")).scalar() == "7MB"
    store.close()


def test_the_pool_of_the_host_is_left_alone(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its only connection is in use, and none of ours goes there."""
    store = store_of(engine, monkeypatch)
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
        store.publish(publication("sales", "1"))
        with store.transaction() as ours:
            assert store.lock_fresh(ours, store.fresh(0, 10).pointers)
        if isinstance(engine.pool, QueuePool):
            assert engine.pool.checkedout() == 1
    store.close()


def test_a_token_that_cannot_be_had_is_an_error_of_ours(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This holds for any error of the site's code, and ends when that code works again."""
    is_down = [True]

    @event.listens_for(engine, "do_connect")
    def ask_for_a_token(*_: Any) -> None:
        if is_down[0]:
            raise RuntimeError("no token today")

    store = store_of(engine, monkeypatch)
    with pytest.raises(StoreUnavailableError, match="no token today"):
        store.token("sales")
    is_down[0] = False
    assert until_answered(lambda: store.publish(publication("sales", "1"))).changed
    store.close()


def test_without_an_engine_there_is_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """The host has not connected yet, or has given it up."""
    monkeypatch.setattr(host_connections, "known_engine", lambda: None)
    with pytest.raises(StoreUnavailableError, match="has not connected"):
        open_as_host()


@pytest.mark.parametrize(
    ("own", "host"), [("postgresql://own/x", "postgresql://host/x"), ("sqlite:///a", "sqlite:///a")]
)
def test_a_database_of_our_own_and_a_file_are_opened_by_the_driver(own: str, host: str) -> None:
    """The host's means lead to the host's database."""
    config = Config(database_url=own)
    assert as_host_connects(config, lambda: host) == (config, None)

from __future__ import annotations

import pytest

from sched_cache.errors import ConfigError, StoreUnavailableError
from sched_cache.store.sql import Retry, SqlStore, open_engines, tables


@pytest.mark.parametrize(
    ("url", "dialect", "driver"),
    [
        ("sqlite:///dags.db", "sqlite", "pysqlite"),
        ("postgresql://user@db/airflow", "postgresql", "psycopg2"),
        ("postgres://user@db/airflow", "postgresql", "psycopg2"),
        ("postgresql+psycopg2://user@db/airflow", "postgresql", "psycopg2"),
        ("mysql://user@db/airflow", "mysql", "pymysql"),
        ("mariadb://user@db/airflow", "mariadb", "pymysql"),
    ],
)
def test_a_url_without_driver_takes_an_installed_one(url: str, dialect: str, driver: str) -> None:
    """Which driver a bare URL means differs between versions of SQLAlchemy."""
    engines = open_engines(url)
    for engine in (engines.reads, engines.writes):
        assert (engine.dialect.name, engine.dialect.driver) == (dialect, driver)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "dags.db",
        "oracle://user:secret@db/airflow",
        "nosuch://user:secret@db/airflow",
        "postgresql+nosuch://user:secret@db/airflow",
        "postgresql+asyncpg://user:secret@db/airflow",
        "mysql+pyodbc://user:secret@db/airflow",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///file:dags?mode=memory&uri=true",
    ],
)
def test_a_url_that_cannot_work_is_refused_at_once(url: str) -> None:
    """With the option's name, and never with the password."""
    with pytest.raises(ConfigError) as refusal:
        open_engines(url)
    assert refusal.value.option == "database_url"
    assert "secret" not in str(refusal.value)


def test_the_urls_own_options_win() -> None:
    """An operator who wrote a timeout meant it."""
    engines = open_engines("postgresql://user@db/airflow?connect_timeout=3", connect_timeout_seconds=7)
    arguments = engines.reads.dialect.create_connect_args(engines.reads.url)[1]
    assert int(arguments["connect_timeout"]) == 3


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("postgresql://user@db/airflow?tcp_user_timeout=7", "tcp_user_timeout"),
        ("mysql://user@db/airflow?read_timeout=7", "read_timeout"),
    ],
)
def test_the_urls_own_patience_wins_too(url: str, name: str) -> None:
    """One value arrives at the driver, not ours beside it."""
    engines = open_engines(url)
    arguments = engines.reads.dialect.create_connect_args(engines.reads.url)[1]
    assert int(arguments[name]) == 7


@pytest.mark.parametrize("prefix", ["", "Sched", "1st_", "a-b", "x" * 41, "a;drop"])
def test_a_prefix_that_needs_quotes_is_refused(prefix: str) -> None:
    """It ends up in the names of tables and indexes."""
    with pytest.raises(ConfigError, match="table_prefix"):
        tables(prefix)


@pytest.mark.parametrize(
    "url",
    [
        "mysql+pymysql://u:secret@127.0.0.1:1/x?charset=unknown",
        "mysql+pymysql://u:secret@127.0.0.1:1/x?option=unknown",
        "mysql+pymysql://u:secret@127.0.0.1:1/x?ssl_ca=/missing",
        "postgresql+psycopg2://u:secret@127.0.0.1:1/x?option=unknown",
        "postgresql+psycopg2://u:secret@127.0.0.1:1/x?sslmode=unknown",
    ],
)
def test_an_option_that_the_driver_cannot_use_is_an_error_of_ours(url: str) -> None:
    """This holds for any error of the driver. The text does not contain the password."""
    store = SqlStore.open(url, retry=Retry(attempts=1))
    with pytest.raises(StoreUnavailableError) as caught:
        store.token("sales")
    assert "secret" not in str(caught.value)
    store.close()

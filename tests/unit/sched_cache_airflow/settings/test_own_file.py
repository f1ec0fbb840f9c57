"""Where our tables are if the operator does not say."""

from __future__ import annotations

import pytest

from sched_cache_airflow.settings.own_file import url_of_tables
from sched_cache_airflow.settings.section import read_settings

URLS = {
    "sqlite:////home/airflow/airflow.db": "sqlite:////home/airflow/airflow.sched_cache.db",
    "sqlite:////home/air.flow/metadata": "sqlite:////home/air.flow/metadata.sched_cache",
    "sqlite:///airflow.db": "sqlite:///airflow.sched_cache.db",
    "sqlite+pysqlite:////a/b.db?timeout=30": "sqlite+pysqlite:////a/b.sched_cache.db?timeout=30",
    "sqlite:///file:/a/b.db?mode=rw&uri=true": "sqlite:///file:/a/b.sched_cache.db?uri=true",
    "sqlite://": "sqlite://",
    "sqlite:///:memory:": "sqlite:///:memory:",
    "postgresql://user:pass%40word@db/airflow": "postgresql://user:pass%40word@db/airflow",
    "mysql+pymysql://db/airflow": "mysql+pymysql://db/airflow",
    "not a url": "not a url",
}


@pytest.mark.parametrize(("host", "ours"), URLS.items(), ids=URLS)
def test_a_file_of_sqlite_gets_another_one_beside_it(host: str, ours: str) -> None:
    """Any other database is shared, under the very URL that the host has."""
    assert url_of_tables(host) == ours


def test_an_operator_who_names_a_database_gets_it() -> None:
    """Also the host's own file."""
    url = "sqlite:////home/airflow/airflow.db"
    assert read_settings({}, url).config.database_url == "sqlite:////home/airflow/airflow.sched_cache.db"
    assert read_settings({"database_url": url}, url).config.database_url == url

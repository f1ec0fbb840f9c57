"""Two URLs of one database are recognized, however they are spelt."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from sched_cache_airflow.certification.scratch_database.place import Place

_ADDRESSES = {
    "localhost": ["127.0.0.1", "::1"],
    "db": ["10.0.0.7"],
    "db.example.com": ["10.0.0.7"],
    "replica": ["10.0.0.8"],
    "10.0.0.7": ["10.0.0.7"],
    "127.0.0.1": ["127.0.0.1"],
    "127.1.2.3": ["127.1.2.3"],
    "::1": ["::1"],
    "10.0.0.1": ["10.0.0.1"],
    socket.gethostname(): ["10.0.0.1"],
}


def _resolve(name: str) -> list[str]:
    try:
        return _ADDRESSES[name]
    except KeyError:
        raise OSError(name) from None


def _is_same(one: str, other: str) -> bool:
    first, second = (Place.of(url, _resolve) for url in (one, other))
    assert first.is_same(second) is second.is_same(first)
    return first.is_same(second)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("postgresql://airflow:a@db/airflow", "postgresql://other:b@db/airflow"),
        ("postgresql+psycopg2://db/airflow", "postgresql+asyncpg://db/airflow"),
        ("postgresql://db/airflow", "postgresql://db:5432/airflow"),
        ("postgresql://db/airflow", "postgresql://db.example.com/airflow"),
        ("postgresql://db/airflow", "postgresql://10.0.0.7/airflow?sslmode=require"),
        ("postgresql://db/airflow", "postgresql:///airflow?host=db"),
        ("postgresql://db/airflow", "postgresql:///airflow?host=replica,db&port=5432"),
        ("postgresql://db/airflow", "postgresql:///airflow?host=replica:5432&host=db:5432"),
        ("postgresql://localhost/airflow", "postgresql://127.0.0.1/airflow"),
        ("postgresql://localhost/airflow", "postgresql://127.1.2.3/airflow"),
        ("postgresql://localhost/airflow", "postgresql://[::1]/airflow"),
        ("postgresql://localhost/airflow", "postgresql:///airflow?host=/var/run/postgresql"),
        ("postgresql:///airflow", "postgresql://10.0.0.1/airflow"),
        ("postgresql://airflow@localhost/airflow", "postgresql://airflow@localhost"),
        ("mysql+mysqldb://db/airflow", "mariadb+pymysql://db:3306/airflow"),
    ],
)
def test_one_database_has_several_urls(one: str, other: str) -> None:
    assert _is_same(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("postgresql://db/airflow", "postgresql://db/scratch"),
        ("postgresql://db/airflow", "postgresql://db:5433/airflow"),
        ("postgresql://db/airflow", "postgresql://replica/airflow"),
        ("postgresql://localhost/airflow", "postgresql://db/airflow"),
        ("postgresql://db/airflow", "mysql://db/airflow"),
        ("sqlite:////tmp/a.db", "sqlite:////tmp/b.db"),
    ],
)
def test_other_databases_are_others(one: str, other: str) -> None:
    assert not _is_same(one, other)


def test_a_file_is_the_same_by_every_path(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    one = f"sqlite:///{tmp_path}/folder/airflow.db"
    for other in (
        f"sqlite:///{tmp_path}/link/airflow.db",
        f"sqlite+pysqlite:///{tmp_path}/folder/../folder/airflow.db",
        f"sqlite:///file:{tmp_path}/folder/airflow.db?uri=true",
    ):
        assert _is_same(one, other), other


def test_a_server_that_cannot_be_resolved_is_an_error() -> None:
    with pytest.raises(OSError, match="nowhere"):
        Place.of("postgresql://nowhere/airflow", _resolve)

"""The table of written versions comes into being once, whoever looks for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from threading import Barrier, Thread

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, create_engine, inspect
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from sched_cache_airflow.sharing import version_publisher
from sched_cache_airflow.sharing.version_publisher import create_missing

TABLE = Table("written", MetaData(), Column("id", Integer, primary_key=True))


def use(monkeypatch: pytest.MonkeyPatch, engine: Engine) -> None:
    def host_transaction() -> AbstractContextManager[Connection]:
        return engine.begin()

    monkeypatch.setattr(version_publisher, "host_transaction", host_transaction)


@pytest.fixture
def engine(postgres_url: str) -> Iterator[Engine]:
    """Of an empty PostgreSQL."""
    engine = create_engine(postgres_url, future=True)
    yield engine
    engine.dispose()


def test_processes_that_create_it_at_once_all_have_it(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each looks before any has committed; only one creates it, and nobody is told of an error."""
    use(monkeypatch, engine)
    for _ in range(20):
        barrier, errors = Barrier(4), []

        def create(barrier: Barrier = barrier, errors: list[Exception] = errors) -> None:
            barrier.wait()
            try:
                create_missing(TABLE)
            except Exception as error:
                errors.append(error)

        threads = [Thread(target=create) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        assert inspect(engine).has_table("written")
        TABLE.drop(engine)


def test_a_database_that_refuses_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table that is still missing afterwards is an error."""
    path = tmp_path / "read_only.db"
    path.touch()
    engine = create_engine(f"sqlite:///file:{path}?mode=ro&uri=true", future=True)
    use(monkeypatch, engine)
    with pytest.raises(SQLAlchemyError):
        create_missing(TABLE)
    engine.dispose()

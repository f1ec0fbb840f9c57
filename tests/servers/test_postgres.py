"""The private PostgreSQL that other tests build on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy

from tests.support.servers import PostgresServer, required


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with required():
        server = PostgresServer()
    with server:
        yield server


def test_each_test_gets_an_empty_database(server: PostgresServer) -> None:
    """A table made in one database is not in the next."""
    first, second = server.create_database(), server.create_database()
    server.execute("CREATE TABLE seen (id int)", first)
    assert server.execute("SELECT to_regclass('seen') IS NULL", second) == "t"


def test_the_fixture_answers_sqlalchemy(postgres_url: str) -> None:
    """The URL is one that SQLAlchemy connects with as it stands."""
    engine = sqlalchemy.create_engine(postgres_url)
    with engine.connect() as connection:
        assert connection.scalar(sqlalchemy.text("SELECT 1")) == 1
    engine.dispose()


def test_a_commit_survives_kill_and_restart(server: PostgresServer) -> None:
    """A committed row survives SIGKILL and a start on the same port."""
    name, port = server.create_database(), server.port
    server.execute("CREATE TABLE kept (id int); INSERT INTO kept VALUES (7)", name)
    server.kill()
    assert server.pid is None
    server.start()
    assert server.port == port
    assert server.execute("SELECT id FROM kept", name) == "7"
    server.restart()
    assert server.execute("SELECT id FROM kept", name) == "7"


def test_a_database_in_use_can_be_dropped(server: PostgresServer) -> None:
    """Dropping ends the sessions that a test left behind."""
    name = server.create_database()
    engine = sqlalchemy.create_engine(server.url(name))
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text("SELECT 1"))
        server.drop_database(name)
        connection.invalidate()
    engine.dispose()
    assert server.execute(f"SELECT count(*) FROM pg_database WHERE datname = '{name}'") == "0"


def test_leaving_ends_the_process_and_removes_its_folder() -> None:
    """Nothing of a server is left after its `with` block."""
    with required():
        server = PostgresServer()
    with server:
        assert server.pid is not None
    assert server.pid is None
    assert not server.folder.exists()
    assert not server.is_ready()

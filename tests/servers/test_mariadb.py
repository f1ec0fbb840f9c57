"""The private MariaDB that other tests build on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy

from tests.support.servers import MariadbServer, required


@pytest.fixture(scope="module")
def server() -> Iterator[MariadbServer]:
    with required():
        server = MariadbServer()
    with server:
        yield server


def test_each_test_gets_an_empty_database(server: MariadbServer) -> None:
    """A table made in one database is not in the next."""
    first, second = server.create_database(), server.create_database()
    server.execute("CREATE TABLE seen (id int)", first)
    assert server.execute("SHOW TABLES", second) == ""


def test_the_fixture_answers_sqlalchemy(mariadb_url: str) -> None:
    """The URL is one that SQLAlchemy connects with as it stands, for all of Unicode."""
    engine = sqlalchemy.create_engine(mariadb_url)
    with engine.connect() as connection:
        assert connection.scalar(sqlalchemy.text("SELECT '\N{GRINNING FACE}'")) == "\N{GRINNING FACE}"
    engine.dispose()


def test_a_commit_survives_kill_and_restart(server: MariadbServer) -> None:
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

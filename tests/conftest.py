"""Servers for the tests that ask for them, started once per run; each test gets a database of its own."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from sched_cache_airflow.releases import release_of
from tests.support.servers import MariadbServer, PgbouncerServer, PostgresServer, RedisServer, required

# Machines that run tests are busy: an example may take long without anything being wrong.
# Each interpreter draws other examples, so `make test` has all but one of them draw fewer.
_N_EXAMPLES = int(os.environ.get("SCHED_CACHE_EXAMPLES", "100"))
settings.register_profile("patient", deadline=None, print_blob=True, max_examples=_N_EXAMPLES)
settings.load_profile("patient")

# The tests of a host are collected only beside that host.
_HOST_FOLDERS = {"3": "airflow3", "2": "airflow2"}
_version = importlib.metadata.version("apache-airflow") if importlib.util.find_spec("airflow") else ""
collect_ignore = [folder for major, folder in _HOST_FOLDERS.items() if major != _version[:1]]
if not _version or release_of(_version) is not None:
    collect_ignore.append("unserved")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A running PostgreSQL, shared: a test that stops, kills or pauses a server starts its own."""
    with required():
        server = PostgresServer()
    with server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The URL (psycopg2) of an empty database."""
    name = postgres_server.create_database()
    yield postgres_server.url(name)
    postgres_server.drop_database(name)


@pytest.fixture(scope="session")
def pgbouncer_server(postgres_server: PostgresServer) -> Iterator[PgbouncerServer]:
    """A running PgBouncer before the shared PostgreSQL; it pools transactions."""
    with required():
        server = PgbouncerServer(postgres_server)
    with server:
        yield server


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[MariadbServer]:
    """A running MariaDB, shared: a test that stops, kills or pauses a server starts its own."""
    with required():
        server = MariadbServer()
    with server:
        yield server


@pytest.fixture
def mariadb_url(mariadb_server: MariadbServer) -> Iterator[str]:
    """The URL (pymysql) of an empty database."""
    name = mariadb_server.create_database()
    yield mariadb_server.url(name)
    mariadb_server.drop_database(name)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """A running Redis, shared: a test that stops, kills or pauses a server starts its own."""
    with required():
        server = RedisServer()
    with server:
        yield server


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """A running Redis of one test, which may stop, kill or pause it."""
    with required():
        server = RedisServer()
    with server:
        yield server


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """The URL of an empty Redis."""
    redis_server.flush()
    return redis_server.url

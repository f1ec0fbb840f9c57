"""The servers of a full run: their own, on free ports, gone afterwards."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest

from bench.loop.metadata_db import PostgresDatabases
from bench.servers import ServerError, postgres_server, redis_server


@contextmanager
def required() -> Iterator[None]:
    """Skips the test where the server is not installed; fails it where CI promised that it is."""
    try:
        yield
    except ServerError as error:
        if "not installed" not in str(error) or os.environ.get("CI"):
            raise
        pytest.skip(str(error))


def is_listening(url: str) -> bool:
    parts = urlsplit(url)
    assert parts.port is not None
    with socket.socket() as probe:
        return probe.connect_ex((parts.hostname or "", parts.port)) == 0


def test_a_database_is_put_back_as_it_was_saved() -> None:
    """Even while somebody is still connected to both ends of the copy; and nothing listens after the run."""
    psycopg2 = pytest.importorskip("psycopg2")
    with required(), postgres_server() as url:
        databases = PostgresDatabases(url)
        databases.create("template")

        def connect(name: str) -> Any:
            return psycopg2.connect(databases.url(name).replace("+psycopg2", ""))

        template = connect("template")
        with template, template.cursor() as cursor:
            cursor.execute("CREATE TABLE t AS SELECT 1 AS x")
        databases.settle("template")
        assert databases.exists("template")
        assert not databases.exists("work")
        databases.copy("template", "work")
        work = connect("work")
        with work, work.cursor() as cursor:
            cursor.execute("INSERT INTO t VALUES (2)")
        databases.copy("template", "work")
        again = connect("work")
        with again, again.cursor() as cursor:
            cursor.execute("SELECT x FROM t")
            assert cursor.fetchall() == [(1,)]
        for connection in (template, work, again):
            connection.close()
    assert not is_listening(url)


def test_redis_is_empty_and_ends_with_the_run() -> None:
    """Nothing of an operator's Redis is touched: the port was free."""
    redis = pytest.importorskip("redis")
    with required(), redis_server() as url:
        client = redis.Redis.from_url(url)
        assert client.dbsize() == 0
        client.close()
    assert not is_listening(url)

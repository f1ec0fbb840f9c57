"""Rows of a database that other processes are working on."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import Any

from sqlalchemy.engine import make_url


def rows(database_url: str, statement: str, parameters: Sequence[Any] = ()) -> list[Any]:
    """The result of one statement, in a connection and a transaction of its own."""
    with closing(_connect(database_url)) as connection, connection.cursor() as cursor:
        cursor.execute(statement, tuple(parameters) or None)
        return list(cursor.fetchall())


def value(database_url: str, statement: str, parameters: Sequence[Any] = ()) -> Any:
    """The result of a statement that finds one row of one column."""
    ((found,),) = rows(database_url, statement, parameters)
    return found


def _connect(database_url: str) -> Any:
    """A connection of the driver, for a SQLAlchemy URL of PostgreSQL or MariaDB."""
    url = make_url(database_url)
    if url.get_backend_name() == "postgresql":
        import psycopg2

        return psycopg2.connect(database_url.replace("+psycopg2", ""))
    import pymysql

    assert url.database is not None
    return pymysql.connect(host=url.host, port=url.port or 3306, user=url.username, database=url.database)

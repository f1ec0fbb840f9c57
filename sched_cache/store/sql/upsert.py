"""Insert or update in one statement, in the dialect of each database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.engine import Connection

Row = dict[str, Any]


def insert_missing(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Inserts the rows whose key is not there yet. Waits for a transaction that is inserting the same key."""
    if _is_mysql(connection):
        # Not INSERT IGNORE: its shared locks on duplicates deadlock two transactions that update the rows afterwards.
        statement: Any = mysql.insert(table)
        statement = statement.on_duplicate_key_update(key=statement.inserted.key)
    else:
        statement = _insert(connection, table).on_conflict_do_nothing(index_elements=["key"])
    connection.execute(statement, list(rows))


def upsert(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Inserts the rows, or sets every column of those whose key is there. One round trip for many rows."""
    columns = [column.name for column in table.columns if column.name != "key"]
    if _is_mysql(connection):
        statement: Any = mysql.insert(table)
        statement = statement.on_duplicate_key_update({name: statement.inserted[name] for name in columns})
    else:
        statement = _insert(connection, table)
        statement = statement.on_conflict_do_update(
            index_elements=["key"], set_={name: statement.excluded[name] for name in columns}
        )
    connection.execute(statement, list(rows))


def _insert(connection: Connection, table: Table) -> Any:
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


def _is_mysql(connection: Connection) -> bool:
    return connection.dialect.name in ("mysql", "mariadb")

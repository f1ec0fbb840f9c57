"""A row of ours in a transaction of the host, with a bound on what the host waits for it.

PostgreSQL only: there a statement can be given a bound that ends with a savepoint. On MySQL and MariaDB the bounds are
those of the session, and on SQLite every write waits for the whole file.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Table, func, insert, inspect, literal, select
from sqlalchemy.engine import Connection

LOCK_TIMEOUT_MS = 100
_SETTING = "lock_timeout"


class TableMissingError(Exception):
    """A new installation: the first commit has the table made."""


def leaves_rows(connection: Connection) -> bool:
    """Whether a row can be left within a bound, in a transaction of the host."""
    return connection.dialect.name == "postgresql" and not commits_each_statement(connection)


def commits_each_statement(connection: Connection) -> bool:
    """Whether the isolation level is AUTOCOMMIT. Asks the driver, not the server."""
    return getattr(connection.connection.dbapi_connection, "autocommit", False) is True


class WrittenRows:
    """The rows that this process leaves in `table`. Four round trips for any number of them.

    The setting is read, and is the same after the savepoint: set back by the statement that inserts, or by the
    rollback. It is LOCAL all the while, so neither the session nor a pooler's next client has it afterwards.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self._is_there = False

    def leave(self, connection: Connection, values: Any) -> None:
        """Inserts one row for each of `values`: mappings, or a query of one column.

        Raises:
            TableMissingError: nothing was inserted.
            SQLAlchemyError: nothing was inserted, and the transaction is as it was, unless the connection is lost.
        """
        table = self._table
        with connection.begin_nested():
            if not self._is_there and not inspect(connection).has_table(table.name, table.schema):
                raise TableMissingError
            bound = select(
                func.current_setting(_SETTING), func.set_config(_SETTING, f"{LOCK_TIMEOUT_MS}ms", True)
            )
            before = connection.execute(bound).one()[0]
            statement = insert(table)
            if isinstance(values, list):
                # SQLAlchemy compiles a statement with a list of rows each time, one with a single row once.
                statement = statement.values(values[0] if len(values) == 1 else values)
            else:
                (column,) = (column.name for column in table.c if column.name != "id")
                statement = statement.from_select([column], values)
            written = statement.returning(literal(1).label("one")).cte("written")
            n_written = select(func.count()).select_from(written).scalar_subquery()
            connection.execute(select(n_written, func.set_config(_SETTING, before, True)))
        self._is_there = True

    def forget(self) -> None:
        """Looks again whether the table is there."""
        self._is_there = False

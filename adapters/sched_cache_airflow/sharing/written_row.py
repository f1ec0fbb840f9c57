"""Inserts a row of ours in a transaction of the host, with a limit for the time that the host waits for it.

Only PostgreSQL has time limits that end with a savepoint. On MySQL and MariaDB they belong to the session, and on
SQLite every write waits for the whole file.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Table, func, insert, inspect, literal, select
from sqlalchemy.engine import Connection

LOCK_TIMEOUT_MS = 100
_SETTING = "lock_timeout"
_BEFORE = "sched_cache.lock_timeout_before"
"""A LOCAL setting of ours in which the server keeps the host's value."""
_SAVEPOINT = "sched_cache_written_row"
# The insert waits for its lock before it runs, so a separate statement sets the limit.
_AT_ONCE = (
    f"SAVEPOINT {_SAVEPOINT}; "
    f"SELECT set_config('{_BEFORE}', current_setting('{_SETTING}'), true),"
    f" set_config('{_SETTING}', '{LOCK_TIMEOUT_MS}ms', true); "
    "INSERT INTO {table} ({column}) SELECT unnest(%(names)s); "
    f"SELECT set_config('{_SETTING}', current_setting('{_BEFORE}'), true); "
    f"RELEASE SAVEPOINT {_SAVEPOINT}"
)
_UNDO = f"ROLLBACK TO SAVEPOINT {_SAVEPOINT}; RELEASE SAVEPOINT {_SAVEPOINT}"


class TableMissingError(Exception):
    """The table does not exist yet, because this is a new installation."""


def leaves_rows(connection: Connection) -> bool:
    """Whether a row can be inserted within a time limit, in a transaction of the host."""
    return connection.dialect.name == "postgresql" and not commits_each_statement(connection)


def commits_each_statement(connection: Connection) -> bool:
    """Whether the isolation level is AUTOCOMMIT. Asks the driver, not the server."""
    return getattr(connection.connection.dbapi_connection, "autocommit", False) is True


class WrittenRows:
    """Inserts the rows of this process into `table`.

    Names take one round trip with psycopg2, which sends several statements as one message. A query takes four, and so
    do names with other drivers.

    The host's setting is restored after the insert, or by the rollback of the savepoint. It is LOCAL all the time, so
    neither the session nor the next client of a pooler sees the changed value.
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
        if not self._is_there:
            self._find(connection)
        if isinstance(values, list) and connection.dialect.driver == "psycopg2":
            self._leave_at_once(connection, [value for row in values for value in row.values()])
        else:
            self._leave_in_turn(connection, values)
        self._is_there = True

    def forget(self) -> None:
        """Checks again whether the table exists."""
        self._is_there = False

    def _find(self, connection: Connection) -> None:
        with connection.begin_nested():
            if not inspect(connection).has_table(self._table.name, self._table.schema):
                raise TableMissingError

    @property
    def _column(self) -> Column[Any]:
        (column,) = (column for column in self._table.c if column.name != "id")
        return column

    def _leave_at_once(self, connection: Connection, names: list[Any]) -> None:
        preparer = connection.dialect.identifier_preparer
        table, column = preparer.format_table(self._table), preparer.format_column(self._column)
        message = _AT_ONCE.format(table=table.replace("%", "%%"), column=column)
        try:
            connection.exec_driver_sql(message, {"names": names})
        except BaseException:
            if not connection.invalidated:
                connection.exec_driver_sql(_UNDO)
            raise

    def _leave_in_turn(self, connection: Connection, values: Any) -> None:
        with connection.begin_nested():
            bound = select(
                func.current_setting(_SETTING), func.set_config(_SETTING, f"{LOCK_TIMEOUT_MS}ms", True)
            )
            before = connection.execute(bound).one()[0]
            statement = insert(self._table)
            if isinstance(values, list):
                # SQLAlchemy compiles a statement for a list of rows each time, but one for a single row only once.
                statement = statement.values(values[0] if len(values) == 1 else values)
            else:
                statement = statement.from_select([self._column.name], values)
            written = statement.returning(literal(1).label("one")).cte("written")
            n_written = select(func.count()).select_from(written).scalar_subquery()
            connection.execute(select(n_written, func.set_config(_SETTING, before, True)))

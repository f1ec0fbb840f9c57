"""A row of ours in a transaction of the host, with a bound on what the host waits for it.

PostgreSQL only: there a statement can be given a bound that ends with a savepoint. On MySQL and MariaDB the bounds are
those of the session, and on SQLite every write waits for the whole file.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Table, func, insert, inspect, literal, select
from sqlalchemy.engine import Connection

LOCK_TIMEOUT_MS = 100
_SETTING = "lock_timeout"
_BEFORE = "sched_cache.lock_timeout_before"
"""A setting of ours, LOCAL too, in which the server itself keeps what the host has set."""
_SAVEPOINT = "sched_cache_written_row"
# The insert waits for its lock before it runs, so the bound is set by a statement of its own.
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
    """A new installation: the first commit has the table made."""


def leaves_rows(connection: Connection) -> bool:
    """Whether a row can be left within a bound, in a transaction of the host."""
    return connection.dialect.name == "postgresql" and not commits_each_statement(connection)


def commits_each_statement(connection: Connection) -> bool:
    """Whether the isolation level is AUTOCOMMIT. Asks the driver, not the server."""
    return getattr(connection.connection.dbapi_connection, "autocommit", False) is True


class WrittenRows:
    """The rows that this process leaves in `table`.

    One round trip for names with psycopg2, which sends several statements as one message; four for a query, and with
    other drivers.

    The setting is read, and is the same after the savepoint: set back behind the insert, or by the rollback. It is
    LOCAL all the while, so neither the session nor a pooler's next client has it afterwards.
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
        """Looks again whether the table is there."""
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
                # SQLAlchemy compiles a statement with a list of rows each time, one with a single row once.
                statement = statement.values(values[0] if len(values) == 1 else values)
            else:
                statement = statement.from_select([self._column.name], values)
            written = statement.returning(literal(1).label("one")).cte("written")
            n_written = select(func.count()).select_from(written).scalar_subquery()
            connection.execute(select(n_written, func.set_config(_SETTING, before, True)))

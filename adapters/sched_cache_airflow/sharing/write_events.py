"""Notices the writes of sessions to the host's contents, and tells the other processes.

This only saves time, because every loop reads the hashes and so finds every write.

| write | noticed by |
|---|---|
| objects that are flushed or deleted | the events of their mapper |
| updates and deletes of Core and ORM, reflected tables too | `do_orm_execute`, by the table's name |
| raw SQL, cascades of the database | nothing here: the database trigger, if one was installed |

On PostgreSQL, a write inserts a row into the table of written versions, in its own transaction (`written_row.py`), so
that another process finds it if this one dies. If the row cannot be inserted within a limit, and on other databases,
the session keeps the name, and passes it to the thread of `maintenance` after the commit. If the process dies before,
the comparison of hashes finds the content (`missed_writes.py`).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, Protocol

from sqlalchemy import Table, event
from sqlalchemy.engine import Connection
from sqlalchemy.orm import ORMExecuteState, Session, object_session

from sched_cache_airflow.host_database.transactions import remember_engine
from sched_cache_airflow.hosts.contract import HostWrites
from sched_cache_airflow.patching.fallback import Fallbacks
from sched_cache_airflow.patching.guard import (
    MAINTENANCE_NOT_WOKEN,
    WRITE_NOT_NOTICED,
    WRITE_NOTICED_LATE,
    ends_transaction,
    falls_back,
    guard,
)
from sched_cache_airflow.sharing.maintenance import Maintenance
from sched_cache_airflow.sharing.written_row import (
    TableMissingError,
    WrittenRows,
    commits_each_statement,
    leaves_rows,
)

logger = logging.getLogger("sched_cache.airflow")

_RETRY_SECONDS = 60.0
_MAX_NAMES = 1_000
"""The limit of names per transaction. The comparison of hashes finds the others."""
_INFO_KEY = "sched_cache.written"


class WritingProcess(Protocol):
    """The state of the writing process that the events use."""

    @property
    def written(self) -> Table | None:
        """The table of written versions; None if ours are in another database than the host's."""

    @property
    def maintenance(self) -> Maintenance: ...

    def tell(self) -> None:
        """Tells schedulers of other processes that there may be something to do."""

    @property
    def fallbacks(self) -> Fallbacks: ...


class _Noted:
    """The names that one session has written since its last commit.

    flushed: names in the current flush, with the connection of the last one. kept: names to be passed on.
    """

    __slots__ = ("connection", "flushed", "kept")

    def __init__(self) -> None:
        self.connection: Connection | None = None
        self.flushed: dict[str, None] = {}
        self.kept: dict[str, None] = {}

    def keep(self, names: Any) -> None:
        for name in names:
            if len(self.kept) < _MAX_NAMES:
                self.kept[str(name)] = None


class WriteEvents:
    """The listeners of one process. `start` may be called again when more of the host was imported.

    The names are in the `info` of their session, so threads share nothing. A name stays if a savepoint is rolled back:
    publishing the current content again changes nothing.
    """

    def __init__(self, writes: HostWrites, runtime: Callable[[], WritingProcess]) -> None:
        self._writes = writes
        self._runtime = runtime
        self._listening: list[tuple[Any, str, Any]] = []
        self._rows: WrittenRows | None = None
        self._not_before = 0.0
        self.n_noticed = 0

    def start(self, model: Any = None) -> None:
        """Listens to all sessions, and to the mapper of `model`, the host's class of contents, if it is given."""
        self._listen(Session, "do_orm_execute", self._on_execute)
        self._listen(Session, "after_flush", self._on_flushed)
        self._listen(Session, "after_commit", self._on_commit)
        self._listen(Session, "after_rollback", self._on_rollback)
        if model is not None:
            for name in ("after_insert", "after_update", "after_delete"):
                self._listen(model, name, self._on_flush)

    def stop(self) -> None:
        """Removes the listeners."""
        while self._listening:
            event.remove(*self._listening.pop())
        self._rows = None
        self._not_before = 0.0

    def _listen(self, target: Any, name: str, listener: Any) -> None:
        if (target, name, listener) not in self._listening:
            event.listen(target, name, listener)
            self._listening.append((target, name, listener))

    def _on_flush(self, mapper: Any, connection: Connection, row: Any) -> None:
        session = object_session(row)
        name = self._writes.of_row(row)
        if session is not None and name is not None:
            noted = _noted(session)
            noted.connection = connection
            noted.flushed[name] = None

    def _on_flushed(self, session: Session, context: Any) -> None:
        """Handles all objects of a flush together, because their rows cost no more than one row."""
        noted: _Noted | None = session.info.get(_INFO_KEY)
        if noted is None or noted.connection is None:
            return
        connection, names = noted.connection, list(noted.flushed)
        noted.connection, noted.flushed = None, {}
        column = self._writes.column
        self._note(noted, connection, [{column: name} for name in names], lambda: names)

    def _on_execute(self, state: ORMExecuteState) -> None:
        if not (state.is_update or state.is_delete):
            return
        names = self._writes.of_statement(state)
        if names is not None:
            connection = state.session.connection()
            # Read before the statement, because its condition may not match the rows afterwards.
            query = names.limit(_MAX_NAMES)
            self._note(_noted(state.session), connection, names, lambda: _read(connection, query))

    def _note(self, noted: _Noted, connection: Connection, rows: Any, names: Callable[[], Any]) -> None:
        """Leaves rows in the transaction, or keeps the names. Raises only errors that end the transaction."""
        try:
            if not self._leave(connection, rows):
                noted.keep(names())
            self.n_noticed += 1
        except Exception as error:
            if ends_transaction(error, connection) or not falls_back(error, WRITE_NOT_NOTICED, self._count):
                raise

    def _leave(self, connection: Connection, rows: Any) -> bool:
        """Whether rows were left in the transaction."""
        if time.monotonic() < self._not_before or not leaves_rows(connection):
            return False
        table = self._runtime().written
        if table is None:
            return False
        if self._rows is None:
            self._rows = WrittenRows(table)
        try:
            self._rows.leave(connection, rows)
        except TableMissingError:
            return False  # the first commit of a new installation lets the thread create it
        except Exception as error:
            if ends_transaction(error, connection) or not falls_back(error, WRITE_NOTICED_LATE, self._count):
                raise
            self._not_before = time.monotonic() + _RETRY_SECONDS
            self._rows.forget()
            return False
        return True

    def _on_commit(self, session: Session) -> None:
        # SQLAlchemy sends this event for savepoints, too.
        noted: _Noted | None = session.info.get(_INFO_KEY)
        if noted is None or session.in_nested_transaction():
            return
        del session.info[_INFO_KEY]
        with guard(MAINTENANCE_NOT_WOKEN, self._count):
            remember_engine()
            self._runtime().maintenance.wake(*noted.kept)
            self._runtime().tell()

    def _on_rollback(self, session: Session) -> None:
        session.info.pop(_INFO_KEY, None)

    def _count(self, reason: str, error: Exception) -> None:
        try:
            self._runtime().fallbacks.note(reason, error)
        except Exception:
            logger.exception("%s: %s", reason, error)


def _noted(session: Session) -> _Noted:
    noted: _Noted = session.info.setdefault(_INFO_KEY, _Noted())
    return noted


def _read(connection: Connection, query: Any) -> list[str]:
    if connection.dialect.name != "postgresql" or commits_each_statement(connection):
        # A statement that fails leaves the transaction as it was. A savepoint before the first write would, on
        # SQLite, commit when it is released.
        return list(connection.execute(query).scalars())
    with connection.begin_nested():
        return list(connection.execute(query).scalars())


def rows_of(state: ORMExecuteState, query: Any) -> Any:
    """`query`, about the rows that the statement of `state` is about."""
    statement: Any = state.statement
    return query if statement.whereclause is None else query.where(statement.whereclause)


def table_of(state: ORMExecuteState) -> tuple[Any, str | None]:
    """(the table that the statement of `state` is about, its name)."""
    table = getattr(state.statement, "table", None)
    return table, getattr(table, "name", None)

"""Notices in a session what it writes to the host's contents, and says so to the other processes.

Nothing depends on it but time: a write that goes unnoticed is found by the hash that every loop reads.

| write | noticed by |
|---|---|
| objects that are flushed or deleted | the events of their mapper |
| updates and deletes of Core and ORM, reflected tables too | `do_orm_execute`, by the table's name |
| raw SQL, cascades of the database | nothing here: the database trigger, if one was installed |

On PostgreSQL a write leaves a row in the table of written versions, in its own transaction (`written_row.py`), so that
another process finds it if this one dies. Where a row cannot be left within a bound, on other databases and where it
was given up, the session keeps the name, and after the commit hands it to the thread of `maintenance`. A name that
dies with its process is found by comparing hashes (`missed_writes.py`).
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
"""Of one transaction, kept in memory. What is beyond is left to the comparison of hashes."""
_INFO_KEY = "sched_cache.written"


class WritingProcess(Protocol):
    """The state of the writing process that the events use."""

    @property
    def written(self) -> Table | None:
        """The table of written versions; None if ours are in another database than the host's."""

    @property
    def maintenance(self) -> Maintenance: ...

    @property
    def fallbacks(self) -> Fallbacks: ...


class _Noted:
    """The names that one session has written since its last commit.

    flushed: in the flush that is under way, with the connection of the last. kept: names to be handed over.
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

    What a session has written stands in its own `info`, so nothing here is shared by threads. Names stay when a
    savepoint is rolled back: they are published as they are then, which changes nothing.
    """

    def __init__(self, writes: HostWrites, runtime: Callable[[], WritingProcess]) -> None:
        self._writes = writes
        self._runtime = runtime
        self._listening: list[tuple[Any, str, Any]] = []
        self._rows: WrittenRows | None = None
        self._not_before = 0.0
        self.n_noticed = 0

    def start(self, model: Any = None) -> None:
        """Listens to all sessions; and to the mapper of `model`, the host's class of contents, if given."""
        self._listen(Session, "do_orm_execute", self._on_execute)
        self._listen(Session, "after_flush", self._on_flushed)
        self._listen(Session, "after_commit", self._on_commit)
        self._listen(Session, "after_rollback", self._on_rollback)
        if model is not None:
            for name in ("after_insert", "after_update", "after_delete"):
                self._listen(model, name, self._on_flush)

    def stop(self) -> None:
        """Listens no longer."""
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
        """All objects of a flush at once: their rows take as long as that of one."""
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
            # Before the statement: afterwards nothing tells which rows it was about.
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
            return False  # the first commit of a new installation has it made
        except Exception as error:
            if ends_transaction(error, connection) or not falls_back(error, WRITE_NOTICED_LATE, self._count):
                raise
            self._not_before = time.monotonic() + _RETRY_SECONDS
            self._rows.forget()
            return False
        return True

    def _on_commit(self, session: Session) -> None:
        # The event is sent for savepoints too.
        noted: _Noted | None = session.info.get(_INFO_KEY)
        if noted is None or session.in_nested_transaction():
            return
        del session.info[_INFO_KEY]
        with guard(MAINTENANCE_NOT_WOKEN, self._count):
            remember_engine()
            self._runtime().maintenance.wake(*noted.kept)

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

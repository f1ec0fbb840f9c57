"""Notices in a session what it writes to the host's contents, and says so to the other processes.

Nothing depends on it but time: a write that goes unnoticed is found by the hash that every loop reads. Each write
leaves a row in the table of written versions, in its own transaction; after the commit the thread of `upkeep` is woken.

| write | noticed by |
|---|---|
| objects that are flushed or deleted | the events of their mapper |
| updates and deletes of Core and ORM, reflected tables too | `do_orm_execute`, by the table's name |
| raw SQL, cascades of the database | nothing here: the database trigger, if one was installed |
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, Protocol
from weakref import WeakSet

from sqlalchemy import Table, event, insert, inspect
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import ORMExecuteState, Session, object_session
from sqlalchemy.sql.expression import Insert

from sched_cache_airflow.host_database import remember_engine
from sched_cache_airflow.process_state import ProcessState

logger = logging.getLogger("sched_cache.airflow")

_RETRY_SECONDS = 60.0
_MYSQL_DEADLOCK = 1213


class HostWrites(Protocol):
    """What a host's writes are about."""

    column: str
    """That of the table of written versions which names them."""

    def of_row(self, row: Any) -> str | None:
        """What names the content of an object that is flushed."""

    def of_statement(self, state: ORMExecuteState) -> Any:
        """A query for the names of the contents that an update or delete is about to change; None if for none."""


class WriteEvents:
    """The listeners of one process. `start` may be called again when more of the host was imported."""

    def __init__(self, writes: HostWrites, runtime: Callable[[], ProcessState]) -> None:
        self._writes = writes
        self._runtime = runtime
        # Those that may have something to say after their next commit. One that was rolled back says nothing,
        # since it left no row.
        self._writing: WeakSet[Session] = WeakSet()
        self._listening: list[tuple[Any, str, Any]] = []
        self._table: Table | None = None
        self._is_there = False
        self._not_before = 0.0
        self.n_noticed = 0

    def start(self, model: Any = None) -> None:
        """Listens to all sessions; and to the mapper of `model`, the host's class of contents, if given."""
        self._listen(Session, "do_orm_execute", self._on_execute)
        self._listen(Session, "after_commit", self._on_commit)
        if model is not None:
            for name in ("after_insert", "after_update", "after_delete"):
                self._listen(model, name, self._on_flush)

    def stop(self) -> None:
        """Listens no longer."""
        while self._listening:
            event.remove(*self._listening.pop())
        self._writing.clear()
        self._table = None
        self._is_there = False
        self._not_before = 0.0

    def _listen(self, target: Any, name: str, listener: Any) -> None:
        if (target, name, listener) not in self._listening:
            event.listen(target, name, listener)
            self._listening.append((target, name, listener))

    def _on_flush(self, mapper: Any, connection: Connection, row: Any) -> None:
        session = object_session(row)
        name = self._writes.of_row(row)
        if session is not None and name is not None:
            values = {self._writes.column: name}
            self._note(session, connection, lambda written: insert(written).values(values))

    def _on_execute(self, state: ORMExecuteState) -> None:
        if not (state.is_update or state.is_delete):
            return
        names = self._writes.of_statement(state)
        if names is not None:
            self._note(
                state.session,
                None,
                lambda written: insert(written).from_select([self._writes.column], names),
            )

    def _note(self, session: Session, connection: Connection | None, make: Callable[[Table], Insert]) -> None:
        """Inserts the rows in the transaction of the session. Whatever goes wrong stays in here."""
        if time.monotonic() < self._not_before:
            return
        try:
            self._table = self._table if self._table is not None else self._runtime().written
            written = self._table
            if written is None:
                return
            self._writing.add(session)
            connection = connection or session.connection()
            # In a new installation the first commit has the table made: see `_on_commit`.
            self._is_there = self._is_there or inspect(connection).has_table(written.name, written.schema)
            if self._is_there:
                _insert(connection, make(written))
                self.n_noticed += 1
        except Exception as error:
            if _is_deadlock(error):
                raise  # MySQL has rolled the host's transaction back: it must hear of that
            self._not_before = time.monotonic() + _RETRY_SECONDS
            self._is_there = False
            self._fall_back("write not noticed", error)

    def _on_commit(self, session: Session) -> None:
        # The event is sent for savepoints too.
        if not self._writing or session not in self._writing or session.in_nested_transaction():
            return
        self._writing.discard(session)
        try:
            remember_engine()
            self._runtime().upkeep.wake()
        except Exception as error:
            self._fall_back("upkeep not woken", error)

    def _fall_back(self, reason: str, error: Exception) -> None:
        try:
            self._runtime().fallbacks.note(reason, error)
        except Exception:
            logger.exception("%s: %s", reason, error)


def rows_of(state: ORMExecuteState, query: Any) -> Any:
    """`query`, about the rows that the statement of `state` is about."""
    statement: Any = state.statement
    return query if statement.whereclause is None else query.where(statement.whereclause)


def table_of(state: ORMExecuteState) -> tuple[Any, str | None]:
    """(the table that the statement of `state` is about, its name)."""
    table = getattr(state.statement, "table", None)
    return table, getattr(table, "name", None)


def _insert(connection: Connection, statement: Insert) -> None:
    if connection.dialect.name != "postgresql":
        # A statement that fails leaves the transaction as it was. A savepoint before the first write would, on
        # SQLite, commit when it is released.
        connection.execute(statement)
        return
    with connection.begin_nested():
        connection.execute(statement)


def _is_deadlock(error: Exception) -> bool:
    arguments: tuple[Any, ...] = getattr(error.orig, "args", ()) if isinstance(error, DBAPIError) else ()
    return arguments[:1] == (_MYSQL_DEADLOCK,)

"""Connections: one engine for single reads, and one for transactions that write."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any
from weakref import WeakSet

from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.pool import Pool

from sched_cache import fork
from sched_cache.store.sql.calls import Call, calls_of_process
from sched_cache.store.sql.failures import NoConnectionError
from sched_cache.store.sql.idle import IdleConnections
from sched_cache.store.sql.line import Line
from sched_cache.store.sql.sqlite_file import SqliteFile

_LINE = "sched_cache line"
_BUSY = "sched_cache busy_timeout"
MAX_IDLE = 2
"""The number of idle connections that each engine keeps."""
SHARE_OF_LOCKS = 0.8
"""The share of a call after which the server gives up waiting for a lock, before the deadline ends the connection."""

_locked_for_ever: set[str] = set()
"""The SQLite files that this process must not use: see `Engines`."""


class Engines:
    """`reads`: every statement is its own transaction. `writes`: READ COMMITTED, with limited waits for locks.

    On SQLite a transaction of `writes` takes the write lock of the database at its beginning. A reader that became a
    writer would fail if another writer was first, and waiting would not help.

    A forked child gets new pools, and keeps no socket of its parent open: a child with copies of the sockets would
    keep the connections, and therefore the parent's row locks, after the parent was killed.

    On SQLite, a fork finds no open connection: those that are idle are closed first, and those in use are waited for,
    at most until the deadlines of their calls. SQLite keeps the locks of its process in memory, and each connection has
    one as long as it is open. A child has a copy of these locks, which are never released there, and takes its own
    without asking the system. Other processes would not see them, so that the last connection of the parent would
    delete the log that the child writes to: publications would be lost, or the file damaged. A child that was forked
    while a connection was in use does not use the file.
    (Source: `unixInodeInfo` and `unixLock` in os_unix.c; "How To Corrupt", section 2.6, of the manual.)
    """

    def __init__(
        self,
        reads: Engine,
        writes: Engine,
        max_connections: int,
        timeout_seconds: float,
        file: SqliteFile | None,
    ) -> None:
        self.reads = reads
        self.writes = writes
        self.timeout_seconds = timeout_seconds
        """For one call."""
        self.generation = 0
        """Increases when the connections lead to another file; findings about the old file are invalid then."""
        self.n_disposed = 0
        self._file = file
        self.is_file = file is not None
        self._path = "" if file is None else os.path.realpath(file.path)
        self.max_connections = max_connections
        # Never closed in a child: closing a SQLite file there may affect the connections of the parent.
        self._of_parents: list[Pool | IdleConnections] = []
        for engine in (reads, writes):
            event.listen(engine, "connect", self._opened)
        event.listen(writes, "checkin", self._returned)
        self._make_new()
        fork.register(self)
        if file is not None:
            fork.register_before(self)

    def _make_new(self) -> None:
        # One token for each further connection that may be opened.
        self.places: dict[Engine, SimpleQueue[None]] = {}
        for engine in (self.reads, self.writes):
            place = self.places[engine] = SimpleQueue()
            for _ in range(self.max_connections):
                place.put(None)
        self.idle = IdleConnections(min(MAX_IDLE, self.max_connections))
        """Of `reads`. Those of `writes` are in its pool."""
        self._lines: WeakSet[Line] = WeakSet()
        self.in_use: set[Lending] = set()
        """Those with a connection to a SQLite file."""

    @property
    def is_locked_for_ever(self) -> bool:
        """Whether this process was forked while its parent used a connection to the SQLite file."""
        return self._path in _locked_for_ever

    def reading(self, call: Call) -> Lending:
        """A connection for reading statements during this call, each in its own transaction."""
        return Lending(self, self.reads, call)

    @contextmanager
    def writing(self, call: Call) -> Iterator[Connection]:
        """A transaction during this call, committed when the block ends."""
        with Lending(self, self.writes, call) as connection, connection.begin():
            yield connection

    def connected(self, call: Call) -> Lending:
        """A connection of `writes`; the block begins and ends its transactions."""
        return Lending(self, self.writes, call)

    def begin(self, call: Call) -> Held:
        """A transaction that outlives the call."""
        lending = Lending(self, self.writes, call)
        connection = lending.__enter__()
        try:
            connection.begin()
        except BaseException as error:
            lending.__exit__(type(error), error, error.__traceback__)
            raise
        call.uses(None)
        return Held(connection, lending)

    def resume(self, connection: Connection, call: Call) -> None:
        """Lets the deadline of `call` end waits on `connection`, unless the connection belongs to the caller."""
        if connection.engine is self.writes:
            call.uses(connection.info.get(_LINE))

    def notice_another_file(self) -> None:
        """Closes the connections if the file of a SQLite database was replaced. One system call."""
        if self._file is not None and self._file.was_replaced():
            self.dispose()
            self.generation += 1

    def give_up(self) -> None:
        """Closes the connections; the file of the next connection is the one to watch."""
        if self._file is not None:
            self._file.forget()
        self.dispose()

    def dispose(self) -> None:
        """Closes the idle connections of both; those in use are closed when they come back."""
        # First: SQLAlchemy would keep what comes back in the old pool until that is collected.
        self.n_disposed += 1
        self.idle.close()
        self.reads.dispose()
        self.writes.dispose()

    def before_fork(self) -> None:
        """Closes the idle connections to a SQLite file, unless the child cannot use the file anyway."""
        if not self.in_use:
            self.notice_another_file()
            self.give_up()

    def reset_after_fork(self) -> None:
        """Leaves every connection to the parent."""
        self._of_parents.append(self.idle)
        for engine in (self.reads, self.writes):
            self._of_parents.append(engine.pool)
            engine.dispose(close=False)
        # Not closed: the driver still has the descriptor, and would close the next file that gets this number.
        nowhere = os.open(os.devnull, os.O_RDWR)
        for line in list(self._lines):
            if line.descriptor is not None and line.is_open:
                os.dup2(nowhere, line.descriptor, inheritable=False)
        os.close(nowhere)
        if self._file is not None:
            self._file.reset_after_fork()
        if self.in_use:
            _locked_for_ever.add(self._path)
        self._make_new()

    def _opened(self, dbapi_connection: Any, record: Any) -> None:
        line = record.info[_LINE] = Line(dbapi_connection)
        self._lines.add(line)
        call = calls_of_process().current
        if call is not None:
            call.uses(line)  # The deadline also covers queries of the engine on a new connection.

    def _returned(self, dbapi_connection: Any, record: object) -> None:
        # From here on, another thread may use it.
        call = calls_of_process().current
        if call is not None:
            call.uses(None)


class Lending:
    """A block with a connection of `engine`, which ends with `call`. Every call has one, so it is no generator."""

    __slots__ = ("_call", "_connection", "_engine", "_engines", "_n_disposed", "_place", "_stay")

    def __init__(self, engines: Engines, engine: Engine, call: Call) -> None:
        self._engines = engines
        self._engine = engine
        self._call = call
        self._stay: AbstractContextManager[None] | None = None

    def __enter__(self) -> Connection:
        call, engines, engine = self._call, self._engines, self._engine
        if engines.is_locked_for_ever:
            raise NoConnectionError(
                "this process was forked while its parent used the SQLite file, and can never lock it"
            )
        place = self._place = engines.places[engine]
        try:
            place.get_nowait()
        except Empty:
            self._wait_for(place)
        try:
            if engines.is_file:
                self._use_file()
            self._n_disposed = engines.n_disposed
            idle = engines.idle.take() if engine is engines.reads else None
            connection = self._connection = idle or engine.connect()
            try:
                info = connection.info
                call.uses(info.get(_LINE))
                if engines.is_file:
                    _wait_no_longer(connection, info, call.seconds_left * SHARE_OF_LOCKS)
            except BaseException:
                connection.close()
                raise
        except BaseException:
            call.uses(None)
            self._leave_file()
            place.put(None)
            raise
        return connection

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        connection, call, engines = self._connection, self._call, self._engines
        is_read = self._engine is engines.reads
        try:
            if is_read:
                call.uses(None)  # Its deadline cannot break the connection from here on.
            # Shut down just after the answer, perhaps; or of a pool that was given up meanwhile.
            is_useless = (error is None and call.is_overdue) or engines.n_disposed != self._n_disposed
            if is_read and error is None and not (is_useless or connection.invalidated):
                self._keep(connection)
                return
            try:
                if is_read and connection.invalidated:
                    # The server has ended it, and then the others, too.
                    engines.idle.close()
                elif is_useless and not connection.closed:
                    connection.invalidate()
            finally:
                connection.close()
        finally:
            call.uses(None)
            self._leave_file()
            self._place.put(None)

    def _use_file(self) -> None:
        """From here to the end of the block, a fork in another thread waits, but not beyond the deadline."""
        self._stay = fork.held_off(self._call.seconds_left)
        self._stay.__enter__()
        self._engines.in_use.add(self)

    def _leave_file(self) -> None:
        if self._stay is not None:
            self._engines.in_use.discard(self)
            self._stay.__exit__(None, None, None)
            self._stay = None

    def _keep(self, connection: Connection) -> None:
        engines = self._engines
        engines.idle.keep(connection)
        if engines.n_disposed != self._n_disposed:
            engines.idle.close()  # They were closed between the check and `keep`.

    def _wait_for(self, place: SimpleQueue[None]) -> None:
        try:
            place.get(timeout=self._call.seconds_left)
        except Empty:
            n_places = self._engines.max_connections
            raise NoConnectionError(f"all {n_places} connections were in use for too long") from None


class Held:
    """A connection in a transaction, between the calls that use it."""

    def __init__(self, connection: Connection, lending: Lending) -> None:
        self.connection = connection
        self._lending = lending

    def give_back(self) -> None:
        """Ends the rest of the transaction, and the connection if it is broken."""
        self._lending.__exit__(None, None, None)


def _wait_no_longer(connection: Connection, info: dict[Any, Any], seconds: float) -> None:
    """Limits how long SQLite waits for a lock, to a tenth of `seconds`. `info`: that of the connection."""
    known = info.get(_BUSY)
    if known is None or not 0.9 * seconds <= known <= 1.1 * seconds:
        info[_BUSY] = seconds
        connection.connection.cursor().execute(f"PRAGMA busy_timeout = {max(1, int(seconds * 1000))}")

"""The store on SQLite, PostgreSQL, MariaDB and MySQL."""

from __future__ import annotations

import math
import secrets
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Table, func, select
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from sched_cache import fork
from sched_cache.config import Config
from sched_cache.errors import StoreUnavailableError
from sched_cache.stats.counters import DatabaseCounters
from sched_cache.store.contract import (
    ChangeSet,
    Pointer,
    Publication,
    PublicationResult,
    Seq,
    Stored,
    in_range,
)
from sched_cache.store.sql.calls import Call
from sched_cache.store.sql.engine import Engines
from sched_cache.store.sql.failures import (
    ERRORS,
    Failure,
    NoConnectionError,
    Retry,
    TablesMissingError,
    failure_of,
)
from sched_cache.store.sql.feed import Feed, change_set
from sched_cache.store.sql.flags import Flags
from sched_cache.store.sql.guard import Guard
from sched_cache.store.sql.incarnation import replace
from sched_cache.store.sql.opening import Connect, open_engines
from sched_cache.store.sql.paging import KeyedStatement, pages
from sched_cache.store.sql.processes import Processes
from sched_cache.store.sql.publishing import Publisher
from sched_cache.store.sql.schema import DEFAULT_PREFIX, Tables, tables
from sched_cache.store.sql.tombstones import purge
from sched_cache.store.sql.upgrade import bring_up_to_date, is_current, missing_tables
from sched_cache.store.verdict import Verdict, absent, in_lock_order, published, verdict_on

T = TypeVar("T")

_INIT_SECONDS = 60.0
"""For `init_db`, which an operator waits for."""


class SqlStore:
    """A `Store` in tables of its own, which may be in the database of another application.

    It uses short transactions of its own. A `connection` of a caller may come from any engine of the same database,
    with isolation READ COMMITTED.
    """

    def __init__(
        self,
        engines: Engines,
        tables: Tables,
        *,
        create: bool = True,
        retry: Retry | None = None,
        counters: DatabaseCounters | None = None,
        more_tables: Sequence[Table] = (),
    ) -> None:
        self._engines = engines
        self._tables = tables
        self._create = create
        self._more_tables = more_tables
        self._guard = Guard(retry or Retry(), engines.timeout_seconds, counters)
        self._publisher = Publisher(tables)
        self._flags = Flags(tables)
        self._feed = Feed(tables)
        self.processes = Processes(tables, self._on_reads, self._write)
        self._preparing = threading.Lock()  # guards: _prepared_for
        self._prepared_for: int | None = None  # the generation of `_engines` that has our tables
        fork.register(self)

    def reset_after_fork(self) -> None:
        """A new lock: another thread of the parent may have held it. `Engines` sees to the connections."""
        self._preparing = threading.Lock()

    @classmethod
    def open(
        cls,
        database_url: str,
        *,
        table_prefix: str = DEFAULT_PREFIX,
        schema: str | None = None,
        create: bool = True,
        retry: Retry | None = None,
        counters: DatabaseCounters | None = None,
        more_tables: Sequence[Table] = (),
        **engine_options: Any,
    ) -> SqlStore:
        """A store for a database URL. Connects at first use. `engine_options` are those of `open_engines`.

        Raises:
            ConfigError: URL, driver or prefix is not usable.
        """
        engines = open_engines(database_url, **engine_options)
        return cls(
            engines,
            tables(table_prefix, schema),
            create=create,
            retry=retry,
            counters=counters,
            more_tables=more_tables,
        )

    @classmethod
    def configured(
        cls,
        config: Config,
        *,
        connect: Connect | None = None,
        counters: DatabaseCounters | None = None,
        tables: Sequence[Table] = (),
    ) -> SqlStore:
        """The store that `config` names. Connects at first use.

        Args:
            connect: opens connections in place of the driver; see `open_engines`.
            counters: the counters of calls.
            tables: tables that `init_db` creates and `check_tables` looks for besides those of the store.

        Raises:
            ConfigError: URL, driver or prefix is not usable.
        """
        return cls.open(
            config.database_url,
            table_prefix=config.table_prefix,
            schema=config.database_schema,
            create=config.create_tables,
            retry=Retry(attempts=config.database_attempts),
            lock_timeout_seconds=config.database_timeout_seconds,
            connect_timeout_seconds=math.ceil(config.database_timeout_seconds),
            max_connections=config.database_pool_size,
            connect=connect,
            counters=counters,
            more_tables=tables,
        )

    def init_db(self) -> None:
        """Creates or upgrades the tables."""
        self._guard.patiently(
            lambda call: bring_up_to_date(self._engines, self._tables, call, more=self._more_tables),
            _INIT_SECONDS,
        )

    def check_tables(self) -> None:
        """Looks for every table.

        Raises:
            StoreUnavailableError: names those that are missing.
        """

        def check(call: Call) -> None:
            with self._engines.reading(call) as connection:
                every = [*self._tables.metadata.sorted_tables, *self._more_tables]
                missing = missing_tables(connection, every)
            if missing:
                raise TablesMissingError(f"missing: {', '.join(sorted(missing))}; run `sched-cache init-db`")

        self._guard.read(check)

    def token(self, key: str) -> Seq:
        """The sequence of the last publication of `key`, 0 if there was none."""
        return self.read_pointers([key]).get(key, absent(key)).parsed_seq

    def publish(self, publication: Publication, connection: Connection | None = None) -> PublicationResult:
        """`publish_many` of one."""
        return self.publish_many([publication], connection)[0]

    def publish_many(
        self, publications: Sequence[Publication], connection: Connection | None = None
    ) -> list[PublicationResult]:
        """Makes the publications current, all or none."""
        ordered = in_lock_order(publications)
        if connection is not None:
            self._guard.read(self._prepare)
            with self._statement(connection):
                outcome = self._publisher.publish(connection, ordered)
        else:
            outcome = self._publish_by_ourselves(ordered)
        return [outcome[one.key] for one in publications]

    def _publish_by_ourselves(self, ordered: Sequence[Publication]) -> dict[str, PublicationResult]:
        # Nearly every publication finds the content unchanged. Locking the row would already write to the
        # disk.
        current = self.read_pointers([one.key for one in ordered])
        outcome, moving = {}, []
        for one in ordered:
            pointer = current.get(one.key, absent(one.key))
            verdict = verdict_on(one, pointer)
            if verdict is Verdict.UNCHANGED:
                outcome[one.key] = published(pointer, verdict)
            else:
                moving.append(one)
        if not moving:
            return outcome

        # If the connection breaks during COMMIT, it is unknown whether the commit happened. If it did, a publication
        # with a token now conflicts with itself: its publisher reads the file again and finds the content unchanged.
        return {**outcome, **self._write(lambda connection: self._publisher.publish(connection, moving))}

    def changes_since(self, cursor: int) -> ChangeSet:
        """The pointers published after `cursor`, in one statement and so in one snapshot."""
        return self._change_set(self._feed.changes, {"above": in_range("cursor", cursor)})

    def read_pointers(self, keys: Collection[str]) -> dict[str, Pointer]:
        """The current pointers, tombstones too."""
        return self._on_reads(lambda connection: self._publisher.read(connection, keys))

    def read_hot(self, keys: Collection[str]) -> dict[str, Stored]:
        """Pointers with hot parts."""
        return self._read_contents(keys, self._feed.hot)

    def read_cold(self, keys: Collection[str]) -> dict[str, Stored]:
        """Pointers with cold parts."""
        return self._read_contents(keys, self._feed.cold)

    def read_whole(self, keys: Collection[str]) -> dict[str, Stored]:
        """Pointers with both parts."""
        return self._read_contents(keys, self._feed.whole)

    def content_sizes(self, keys: Collection[str]) -> dict[str, tuple[int, int]]:
        """(bytes of the hot part, bytes of the cold part) of those that have a content. One query per 500 keys."""
        content = self._tables.content.c
        sizes: dict[str, tuple[int, int]] = {}
        for some in pages(keys):
            query = select(content.key, func.length(content.hot), func.length(content.cold))
            for key, n_hot, n_cold in self._read(query.where(content.key.in_(some)), {}):
                sizes[key] = (n_hot, n_cold)
        return sizes

    def fresh(self, above: int, limit: int) -> ChangeSet:
        """The oldest pointers that are not acknowledged."""
        parameters = {"above": in_range("above", above), "n_rows": in_range("limit", limit, 1, 2**31) + 1}
        return self._change_set(self._feed.fresh, parameters)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A transaction of the store's own. Errors of the caller's statements stay what they are."""
        held = self._guard.write(partial(self._with_tables, self._engines.begin))
        connection = held.connection
        try:
            yield connection
            with self._statement(connection):
                connection.commit()
        except BaseException:
            # Otherwise, it ends with the connection.
            with suppress(SQLAlchemyError, StoreUnavailableError), self._statement(connection):
                connection.rollback()
            raise
        finally:
            with suppress(SQLAlchemyError, StoreUnavailableError), self._statement(connection):
                held.give_back()

    def lock_fresh(self, connection: Connection, pointers: Sequence[Pointer]) -> list[Pointer]:
        """Those of `pointers` that are still fresh, locked for this transaction."""
        with self._statement(connection):
            return self._flags.lock(connection, pointers)

    def acknowledge(self, connection: Connection, key: str, taken_seq: int) -> bool:
        """Raises `acknowledged_seq` to `taken_seq` in the caller's transaction; whether it rose."""
        with self._statement(connection):
            return self._flags.acknowledge(connection, key, in_range("taken_seq", taken_seq))

    def purge_tombstones(self, before_seq: int) -> int:
        """Removes acknowledged tombstones."""
        in_range("before_seq", before_seq)
        return self._write(lambda connection: purge(connection, self._tables, before_seq))

    def new_incarnation(self, expected: str) -> str:
        """Names a new history, unless another process did; the name that now holds."""
        chosen = secrets.token_hex(8)
        return self._write(lambda connection: replace(connection, self._tables, expected, chosen))

    def read_rows(self, action: Callable[[Connection], T], /) -> T:
        """The result of a function that reads with a connection of the store. It may run again after an error.

        Raises:
            StoreUnavailableError: the database did not answer within the time-out, or refused a statement.
        """
        return self._on_reads(action)

    def write_rows(self, action: Callable[[Connection], T], /) -> T:
        """The result of a function that writes, in a transaction of its own. The rest is as for `read_rows`."""
        return self._write(action)

    def close(self) -> None:
        """Ends every connection."""
        with fork.held_off():
            self._engines.dispose()

    def _change_set(self, statement: Any, parameters: dict[str, Any]) -> ChangeSet:
        return self._on_reads(lambda connection: change_set(connection.execute(statement, parameters).all()))

    def _read(self, statement: Any, parameters: dict[str, Any]) -> Sequence[Any]:
        return self._on_reads(lambda connection: connection.execute(statement, parameters).all())

    def _on_reads(self, read: Callable[[Connection], T]) -> T:
        def attempt(call: Call) -> T:
            with self._engines.reading(call) as connection:
                return read(connection)

        return self._guard.read(partial(self._with_tables, attempt))

    def _write(self, write: Callable[[Connection], T]) -> T:
        def attempt(call: Call) -> T:
            with self._engines.writing(call) as connection:
                return write(connection)

        return self._guard.write(partial(self._with_tables, attempt))

    @contextmanager
    def _statement(self, connection: Connection) -> Iterator[None]:
        """A block of ours in a transaction that is open. The caller's own connection is never broken."""
        with self._guard.statement() as call:
            self._engines.resume(connection, call)
            yield
            if call.is_overdue and connection.engine is self._engines.writes and not connection.closed:
                connection.invalidate()

    def _read_contents(self, keys: Collection[str], contents: KeyedStatement) -> dict[str, Stored]:
        found = {}
        for statement, parameters in contents.pages(keys):
            for key, version, seq, digest, *parts in self._read(statement, parameters):
                data = None if None in parts else b"".join(parts)
                found[key] = Stored(Pointer(key, version, seq, digest), data)
        return found

    def _with_tables(self, attempt: Callable[[Call], T], call: Call) -> T:
        """The result of `attempt`. Tables that were dropped meanwhile are created again, if allowed."""
        self._prepare(call)
        try:
            return attempt(call)
        except ERRORS as error:
            if failure_of(error) is not Failure.MISSING:
                raise
            self._prepared_for = None
            if not self._create:
                raise
        bring_up_to_date(self._engines, self._tables, call)
        return attempt(call)

    def _prepare(self, call: Call) -> None:
        self._engines.notice_another_file()
        generation = self._engines.generation
        if self._prepared_for == generation:
            return
        if not self._preparing.acquire(timeout=call.seconds_left):
            raise NoConnectionError("another thread has been looking for the tables for too long")
        try:
            if self._prepared_for != generation:
                if not is_current(self._engines, self._tables, call):
                    if not self._create:
                        raise TablesMissingError("the tables are missing or old: run `sched-cache init-db`")
                    bring_up_to_date(self._engines, self._tables, call)
                self._prepared_for = generation
        finally:
            self._preparing.release()

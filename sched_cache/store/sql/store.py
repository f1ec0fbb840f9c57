"""The store on SQLite, PostgreSQL, MariaDB and MySQL."""

from __future__ import annotations

import math
import secrets
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from sqlalchemy import func, select
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from sched_cache import fork
from sched_cache.config import Config
from sched_cache.errors import StoreUnavailableError
from sched_cache.store.contract import ChangeSet, Pointer, Publication, Published, Seq, Stored
from sched_cache.store.sql.engine import Engines, open_engines
from sched_cache.store.sql.failures import Retry, mapped_errors
from sched_cache.store.sql.feed import Feed, change_set
from sched_cache.store.sql.flags import Flags
from sched_cache.store.sql.incarnation import replace
from sched_cache.store.sql.paging import pages
from sched_cache.store.sql.processes import Processes
from sched_cache.store.sql.publishing import Publisher
from sched_cache.store.sql.schema import DEFAULT_PREFIX, Tables, tables
from sched_cache.store.sql.tombstones import purge
from sched_cache.store.sql.upgrade import bring_up_to_date, is_current
from sched_cache.store.verdict import Verdict, absent, in_lock_order, published, verdict_on

T = TypeVar("T")


class SqlStore:
    """A `Store` in tables of its own, next to whatever else the database holds.

    Its transactions are short and its own; a `connection` given by a caller may come from any engine of the
    same database, with isolation READ COMMITTED.
    """

    def __init__(
        self, engines: Engines, tables: Tables, *, create: bool = True, retry: Retry | None = None
    ) -> None:
        self._engines = engines
        self._tables = tables
        self._create = create
        self._retry = retry or Retry()
        self._publisher = Publisher(tables)
        self._flags = Flags(tables)
        self._feed = Feed(tables)
        self.processes = Processes(tables, self._on_reads, self._write)
        self._preparing = threading.Lock()  # guards: _is_prepared
        self._is_prepared = False
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
        **engine_options: Any,
    ) -> SqlStore:
        """A store for a database URL. Connects at first use. `engine_options` are those of `open_engines`.

        Raises:
            ConfigError: URL, driver or prefix is not usable.
        """
        engines = open_engines(database_url, **engine_options)
        return cls(engines, tables(table_prefix, schema), create=create, retry=retry)

    @classmethod
    def configured(cls, config: Config) -> SqlStore:
        """The store that `config` names. Connects at first use.

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
        )

    def init_db(self) -> None:
        """Creates or upgrades the tables."""
        self._retry.run(lambda: bring_up_to_date(self._engines, self._tables))

    def token(self, key: str) -> Seq:
        """The sequence of the last publication of `key`, 0 if there was none."""
        return self.read_pointers([key]).get(key, absent(key)).parsed_seq

    def publish(self, publication: Publication, connection: Connection | None = None) -> Published:
        """`publish_many` of one."""
        return self.publish_many([publication], connection)[0]

    def publish_many(
        self, publications: Sequence[Publication], connection: Connection | None = None
    ) -> list[Published]:
        """Makes the publications current, all or none."""
        ordered = in_lock_order(publications)
        self._prepare()
        if connection is not None:
            with mapped_errors():
                outcome = self._publisher.publish(connection, ordered)
        else:
            outcome = self._publish_by_ourselves(ordered)
        return [outcome[one.key] for one in publications]

    def _publish_by_ourselves(self, ordered: Sequence[Publication]) -> dict[str, Published]:
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

        # When the connection breaks during COMMIT nobody knows whether it happened. If it did, a publication
        # with a token now conflicts with itself: its publisher reads the file again and finds the content
        # unchanged.
        return {**outcome, **self._write(lambda connection: self._publisher.publish(connection, moving))}

    def changes_since(self, cursor: int) -> ChangeSet:
        """The pointers published after `cursor`, in one statement and so in one snapshot."""
        return change_set(self._read(self._feed.changes, {"above": cursor}))

    def read_pointers(self, keys: Collection[str]) -> dict[str, Pointer]:
        """The current pointers, tombstones too."""
        return self._on_reads(lambda connection: self._publisher.read(connection, keys))

    def read_hot(self, keys: Collection[str]) -> dict[str, Stored]:
        """Pointers with hot parts."""
        return self._read_contents(keys, self._feed.hot)

    def read_cold(self, keys: Collection[str]) -> dict[str, Stored]:
        """Pointers with cold parts."""
        return self._read_contents(keys, self._feed.cold)

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
        return change_set(self._read(self._feed.fresh, {"above": above, "n_rows": limit + 1}))

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A transaction of the store's own. Errors of the caller's statements stay what they are."""
        self._prepare()
        connection = self._retry.run(self._begin)
        try:
            yield connection
            with mapped_errors():
                connection.commit()
        except BaseException:
            with (
                suppress(SQLAlchemyError),
                fork.held_off(),
            ):  # It ends with the connection, if not in this way.
                connection.rollback()
            raise
        finally:
            with fork.held_off():
                connection.close()

    def lock_fresh(self, connection: Connection, pointers: Sequence[Pointer]) -> list[Pointer]:
        """Those of `pointers` that are still fresh, locked for this transaction."""
        with mapped_errors():
            return self._flags.lock(connection, pointers)

    def acknowledge(self, connection: Connection, key: str, taken_seq: int) -> bool:
        """Raises `acknowledged_seq` to `taken_seq` in the caller's transaction; whether it rose."""
        with mapped_errors():
            return self._flags.acknowledge(connection, key, taken_seq)

    def purge_tombstones(self, before_seq: int) -> int:
        """Removes acknowledged tombstones."""
        return self._write(lambda connection: purge(connection, self._tables, before_seq))

    def new_incarnation(self, expected: str) -> str:
        """Names a new history, unless somebody did; the name that now holds."""
        chosen = secrets.token_hex(8)
        return self._write(lambda connection: replace(connection, self._tables, expected, chosen))

    def close(self) -> None:
        """Ends every connection."""
        with fork.held_off():
            self._engines.dispose()

    def _begin(self) -> Connection:
        connection = self._engines.writes.connect()
        try:
            connection.begin()
        except BaseException:
            connection.close()
            raise
        return connection

    def _read(self, statement: Any, parameters: dict[str, Any]) -> Sequence[Any]:
        return self._on_reads(lambda connection: connection.execute(statement, parameters).all())

    def _on_reads(self, read: Callable[[Connection], T]) -> T:
        def attempt() -> T:
            with self._engines.reads.connect() as connection:
                return read(connection)

        self._prepare()
        return self._retry.run(attempt)

    def _write(self, write: Callable[[Connection], T]) -> T:
        def attempt() -> T:
            with self._engines.writes.begin() as connection:
                return write(connection)

        self._prepare()
        return self._retry.run(attempt)

    def _read_contents(self, keys: Collection[str], statement: Any) -> dict[str, Stored]:
        found = {}
        for some in pages(keys):
            for *pointer, data in self._read(statement, {"keys": some}):
                found[pointer[0]] = Stored(Pointer(*pointer), data)
        return found

    def _prepare(self) -> None:
        if self._is_prepared:
            return
        with self._preparing:
            if not self._is_prepared:
                if not self._retry.run(lambda: is_current(self._engines, self._tables)):
                    if not self._create:
                        raise StoreUnavailableError(
                            "the tables are missing or old: run `sched-cache init-db`"
                        )
                    self.init_db()
                self._is_prepared = True

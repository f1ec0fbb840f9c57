"""Publishes the current content of the versions in the table of written versions."""

from __future__ import annotations

from contextlib import suppress

from sqlalchemy import Table, delete, inspect, select
from sqlalchemy.exc import SQLAlchemyError

from sched_cache.dag_cache import DagCache
from sched_cache.errors import InvalidDagError, PublishConflictError, StoreUnavailableError
from sched_cache_airflow.dags.resident_dags import ResidentDags
from sched_cache_airflow.host_database.transactions import host_transaction

_ROWS_PER_BATCH = 100


def create_missing(table: Table) -> None:
    """Creates the table unless it exists, even if another process creates it at the same time.

    Raises:
        StoreUnavailableError: it does not exist, and could not be created.
    """
    try:
        with host_transaction() as connection:
            table.create(connection, checkfirst=True)
    except (StoreUnavailableError, SQLAlchemyError):
        # Both processes had checked before either had committed.
        with host_transaction() as connection:
            if not inspect(connection).has_table(table.name, table.schema):
                raise


class VersionPublisher:
    """Publishes the current content of a version of the host."""

    def __init__(self, cache: DagCache, contents: ResidentDags) -> None:
        self._cache = cache
        self._contents = contents

    def publish(self, text: str) -> None:
        """Publishes the content of the version with this name, or its removal."""
        host = self._contents.host
        version_id = host.noted(text)
        if version_id is None:
            return
        key = host.key_of(version_id)
        # Read before the row, so that a process that publishes after this has read a newer row, and wins.
        token = self._cache.token(key)
        with host_transaction() as connection:
            found = host.read(version_id, connection)
        try:
            encoded = None if found is None else self._contents.encoded_to_share(*found)
            if encoded is None:
                self._cache.delete(key, token=token)
            else:
                self._cache.publish(key, encoded, token=token)
        except PublishConflictError:
            pass
        except InvalidDagError:
            with suppress(PublishConflictError):
                self._cache.delete(key, token=token)


class WrittenVersions:
    """For one thread per process. If two processes publish the same content, the second one changes nothing."""

    def __init__(self, table: Table, cache: DagCache, publisher: VersionPublisher, *, create: bool) -> None:
        self._create = create
        self._table = table
        (self._version_id,) = (column for column in table.c if column.name != "id")
        self._cache = cache
        self._publisher = publisher
        self._seen_id = 0

    def prepare(self) -> None:
        """Creates this table and our other ones, if they are missing."""
        self._cache.certify()
        if self._create:
            create_missing(self._table)
            return
        with host_transaction() as connection:
            if not inspect(connection).has_table(self._table.name, self._table.schema):
                raise StoreUnavailableError(
                    f"the table {self._table.fullname} is missing: run `sched-cache init-db`"
                )

    def publish(self, is_own: bool) -> int:
        """Publishes the versions of the rows in the table, and removes the rows; how many.

        A row is removed after its version was published, so that other processes handle it if this one dies.

        Args:
            is_own: whether to handle all rows, and not only those that the previous call saw already.
        """
        n_removed = 0
        while True:
            rows = self._rows(None if is_own else self._seen_id)
            if not rows:
                break
            for version_id in dict.fromkeys(version_id for _, version_id in rows):
                self._publisher.publish(version_id)
            with host_transaction() as connection:
                ids = [row_id for row_id, _ in rows]
                connection.execute(delete(self._table).where(self._table.c.id.in_(ids)))
            n_removed += len(rows)
        if not is_own:
            self._seen_id = self._last_id()
        return n_removed

    def _rows(self, up_to_id: int | None) -> list[tuple[int, str]]:
        table = self._table
        query = select(table.c.id, self._version_id).order_by(table.c.id).limit(_ROWS_PER_BATCH)
        if up_to_id is not None:
            query = query.where(table.c.id <= up_to_id)
        with host_transaction() as connection:
            return [(row_id, version_id) for row_id, version_id in connection.execute(query)]

    def _last_id(self) -> int:
        with host_transaction() as connection:
            last = connection.scalar(select(self._table.c.id).order_by(self._table.c.id.desc()).limit(1))
        return last or 0

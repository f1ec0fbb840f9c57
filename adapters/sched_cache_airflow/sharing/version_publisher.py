"""Publishing what the host's versions hold by now, for each row of the table of written versions."""

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
    """Creates the table unless it is there, also when another process does so at this moment.

    Raises:
        StoreUnavailableError: it is not there, and could not be created.
    """
    try:
        with host_transaction() as connection:
            table.create(connection, checkfirst=True)
    except (StoreUnavailableError, SQLAlchemyError):
        # Both had looked before either had committed.
        with host_transaction() as connection:
            if not inspect(connection).has_table(table.name, table.schema):
                raise


class VersionPublisher:
    """Publishes what a version of the host holds by now."""

    def __init__(self, cache: DagCache, contents: ResidentDags) -> None:
        self._cache = cache
        self._contents = contents

    def publish(self, text: str) -> None:
        """The content of the version that this names, or its absence."""
        host = self._contents.host
        version_id = host.noted(text)
        if version_id is None:
            return
        key = host.key_of(version_id)
        # Read before the row: a process that publishes after this has read a newer row, and wins.
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
    """For one thread per process. Two processes may do the same at once; the second finds nothing to change."""

    def __init__(self, table: Table, cache: DagCache, publisher: VersionPublisher, *, create: bool) -> None:
        self._create = create
        self._table = table
        (self._version_id,) = (column for column in table.c if column.name != "id")
        self._cache = cache
        self._publisher = publisher
        self._seen_id = 0

    def prepare(self) -> None:
        """Creates the table where it is missing, and ours beside it."""
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
        """Publishes for the rows that are there, and removes them; how many.

        Rows are removed after what they stand for is published, so that a process that dies here leaves them to
        the others.

        Args:
            is_own: all rows; else those that the previous call has seen and no process has handled since.
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

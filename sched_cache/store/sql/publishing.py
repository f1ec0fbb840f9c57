"""One publishing transaction: lock the rows, write the contents, draw from the counter last."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.engine import Connection

from sched_cache.errors import StoreUnavailableError
from sched_cache.store.contract import Pointer, Publication, PublicationResult, Seq
from sched_cache.store.sql.paging import KeyedStatement, pages
from sched_cache.store.sql.schema import Tables
from sched_cache.store.sql.upsert import Row, insert_missing, upsert
from sched_cache.store.verdict import Verdict, absent, pointer_after, published, verdict_on

BYTES_PER_STATEMENT = 1 << 20


class Publisher:
    """Publishes inside a transaction of the caller."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        dag, meta = tables.dag, tables.meta
        pointers = select(dag.c.key, dag.c.version, dag.c.parsed_seq, dag.c.content_hash)
        self._pointers = KeyedStatement(pointers.where, dag.c.key)
        locked = pointers.order_by(dag.c.key).with_for_update()
        self._locked_pointers = KeyedStatement(locked.where, dag.c.key)
        self._draw = update(meta).where(meta.c.id == 1).values(counter=meta.c.counter + bindparam("drawn"))
        self._counter = select(meta.c.counter, meta.c.incarnation).where(meta.c.id == 1)

    def read(self, connection: Connection, keys: Collection[str]) -> dict[str, Pointer]:
        """The current pointers of the keys that have one."""
        found = self._read(connection, keys, self._pointers)
        return {key: pointer for key, pointer in found.items() if pointer.parsed_seq}

    def publish(
        self, connection: Connection, publications: Sequence[Publication]
    ) -> dict[str, PublicationResult]:
        """Publishes all of `publications`, which are in the order of their keys.

        Raises:
            PublishConflictError: a token is not the current sequence. Nothing was changed.
        """
        current = self._lock(connection, publications)
        verdicts = {one.key: verdict_on(one, current[one.key]) for one in publications}
        moving = [one for one in publications if verdicts[one.key] is not Verdict.UNCHANGED]
        after = dict(current)
        incarnation = ""
        if moving:
            changing = [one for one in moving if verdicts[one.key] is Verdict.CHANGE]
            self._write_contents(connection, changing)
            # From here to the commit every other publisher waits.
            last, incarnation = self._draw_last(connection, len(moving))
            for seq, one in enumerate(moving, last - len(moving) + 1):
                after[one.key] = pointer_after(one, current[one.key], verdicts[one.key], Seq(seq))
            upsert(connection, self._tables.dag, [_row(after[one.key]) for one in moving])
        return {one.key: published(after[one.key], verdicts[one.key], incarnation) for one in publications}

    def _lock(self, connection: Connection, publications: Sequence[Publication]) -> dict[str, Pointer]:
        """The pointers, which do not change until this transaction ends."""
        keys = [one.key for one in publications]
        found = self._read(connection, keys, self._locked_pointers)
        current = {key: found.get(key, absent(key)) for key in keys}
        new = [one.key for one in publications if one.key not in found and _will_exist(one, current[one.key])]
        if new:
            # There is no row to lock yet. Of two transactions that insert it, one waits, and then sees the
            # publication of the other.
            empty_row = {"version": 0, "parsed_seq": 0, "content_hash": None}
            insert_missing(connection, self._tables.dag, [{"key": key, **empty_row} for key in new])
            insert_missing(
                connection, self._tables.acknowledged, [{"key": key, "acknowledged_seq": 0} for key in new]
            )
            inserted = self._read(connection, new, self._locked_pointers)
            if len(inserted) != len(new):
                raise StoreUnavailableError("a tombstone was purged under the publication that replaces it")
            current.update(inserted)
        return current

    def _read(
        self, connection: Connection, keys: Collection[str], pointers: KeyedStatement
    ) -> dict[str, Pointer]:
        found = {}
        for statement, parameters in pointers.pages(keys):
            for row in connection.execute(statement, parameters):
                found[row[0]] = Pointer(*row)
        return found

    def _write_contents(self, connection: Connection, changing: Sequence[Publication]) -> None:
        content = self._tables.content
        for keys in pages([one.key for one in changing if one.content is None]):
            connection.execute(delete(content).where(content.c.key.in_(keys)))
        rows = [
            {"key": one.key, "hot": one.content.hot, "cold": one.content.cold}
            for one in changing
            if one.content is not None
        ]
        for some in _batches(rows):
            upsert(connection, content, some)

    def _draw_last(self, connection: Connection, n_numbers: int) -> tuple[int, str]:
        """Takes the lock of the counter and `n_numbers` numbers; returns the last one and the incarnation."""
        meta = self._tables.meta.c
        if connection.dialect.name == "postgresql":
            drawing = self._draw.returning(meta.counter, meta.incarnation)
            last, incarnation = connection.execute(drawing, {"drawn": n_numbers}).one()
        else:
            connection.execute(self._draw, {"drawn": n_numbers})
            last, incarnation = connection.execute(self._counter).one()
        return int(last), incarnation


def _will_exist(publication: Publication, current: Pointer) -> bool:
    return verdict_on(publication, current) is not Verdict.UNCHANGED


def _batches(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """The rows, as many at a time as one statement should contain; a large row is sent alone."""
    batch: list[Row] = []
    n_bytes = 0
    for row in rows:
        row_bytes = len(row["hot"]) + len(row["cold"])
        if batch and n_bytes + row_bytes > BYTES_PER_STATEMENT:
            yield batch
            batch, n_bytes = [], 0
        batch.append(row)
        n_bytes += row_bytes
    if batch:
        yield batch


def _row(pointer: Pointer) -> Row:
    return {
        "key": pointer.key,
        "version": pointer.version,
        "parsed_seq": pointer.parsed_seq,
        "content_hash": pointer.content_hash,
    }

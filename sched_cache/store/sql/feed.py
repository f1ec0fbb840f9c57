"""Queries that one statement, and therefore one snapshot, answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Column, Integer, and_, bindparam, literal_column, null, select, union_all

from sched_cache.store.contract import ChangeSet, Pointer
from sched_cache.store.sql.failures import TablesMissingError
from sched_cache.store.sql.paging import KeyedStatement
from sched_cache.store.sql.schema import Tables


class Feed:
    """Statements over the pointers.

    `changes` takes `above`, `fresh` takes `above` and `n_rows`; `change_set` reads their results: the row of `meta`,
    then pointers. `hot`, `cold` and `whole` return the four columns of a pointer and the part, or
    both parts.
    """

    def __init__(self, tables: Tables) -> None:
        meta, dag, acknowledged = tables.meta, tables.dag, tables.acknowledged
        pointer = (dag.c.key, dag.c.version, dag.c.parsed_seq, dag.c.content_hash)
        no_pointer: tuple[Any, ...] = (null(), null(), literal_column("0").label("parsed_seq"), null())
        snapshot = select(meta.c.counter, meta.c.incarnation, meta.c.purged_seq, *no_pointer)
        # The second condition avoids a fruitless scan on a database with outdated statistics.
        above: Any = bindparam("above")
        is_newer = and_(dag.c.parsed_seq > above, select(meta.c.counter).scalar_subquery() > above)
        pointers = select(null(), null(), null(), *pointer).where(is_newer)
        self.changes: Any = union_all(snapshot, pointers).order_by("parsed_seq")

        is_fresh = and_(dag.c.key == acknowledged.c.key, dag.c.parsed_seq > acknowledged.c.acknowledged_seq)
        fresh = pointers.join(acknowledged, is_fresh)
        self.fresh: Any = (
            union_all(snapshot, fresh).order_by("parsed_seq").limit(bindparam("n_rows", type_=Integer))
        )

        def part(*columns: Column[Any]) -> KeyedStatement:
            rows = dag.outerjoin(tables.content, dag.c.key == tables.content.c.key)
            published = select(*pointer, *columns).select_from(rows).where(dag.c.parsed_seq > 0)
            return KeyedStatement(published.where, dag.c.key)

        self.hot = part(tables.content.c.hot)
        self.cold = part(tables.content.c.cold)
        self.whole = part(tables.content.c.hot, tables.content.c.cold)


def change_set(rows: Sequence[Any]) -> ChangeSet:
    """The change set in the rows of `changes` or `fresh`."""
    if not rows or rows[0][3] is not None:
        raise TablesMissingError("the table of the counter is empty: run `sched-cache init-db`")
    counter, incarnation, purged_seq = rows[0][:3]
    pointers = tuple(Pointer(key, version, seq, digest) for _, _, _, key, version, seq, digest in rows[1:])
    return ChangeSet(pointers, counter, incarnation, purged_seq)

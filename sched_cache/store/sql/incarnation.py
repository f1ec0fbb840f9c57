"""Naming the history that the counter counts, and keeping the counter above what it has counted."""

from __future__ import annotations

from sqlalchemy import func, select, update
from sqlalchemy.engine import Connection

from sched_cache.store.sql.schema import Tables


def replace(connection: Connection, tables: Tables, expected: str, chosen: str) -> str:
    """Compare-and-set from `expected` to `chosen`; the name that now holds."""
    meta = tables.meta
    declare = update(meta).where(meta.c.incarnation == expected).values(incarnation=chosen)
    if connection.execute(declare).rowcount:
        raise_counter(connection, tables)
    name: str = connection.execute(select(meta.c.incarnation)).scalar_one()
    return name


def raise_counter(connection: Connection, tables: Tables) -> None:
    """Brings the counter up to every sequence in use.

    Tables that were restored from different moments may hold some that it has yet to reach. A publication
    that drew one of those again would be taken for seen, or for acknowledged.
    """
    meta = tables.meta
    for column in (tables.dag.c.parsed_seq, tables.acknowledged.c.acknowledged_seq):
        highest = connection.execute(select(func.coalesce(func.max(column), 0))).scalar_one()
        connection.execute(update(meta).where(meta.c.counter < highest).values(counter=highest))

"""Names the history of the counter, and keeps the counter above every sequence in use."""

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

    Tables that were restored from different moments may have sequences above it. A publication that drew one of these
    again would be treated as known, or as acknowledged.
    """
    meta = tables.meta
    for column in (tables.dag.c.parsed_seq, tables.acknowledged.c.acknowledged_seq):
        highest = connection.execute(select(func.coalesce(func.max(column), 0))).scalar_one()
        connection.execute(update(meta).where(meta.c.counter < highest).values(counter=highest))

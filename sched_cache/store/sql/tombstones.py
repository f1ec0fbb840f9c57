"""Removes the rows of DAGs that were deleted long ago."""

from __future__ import annotations

from sqlalchemy import and_, delete, select, update
from sqlalchemy.engine import Connection

from sched_cache.store.sql.paging import pages
from sched_cache.store.sql.schema import Tables


def purge(connection: Connection, tables: Tables, before_seq: int) -> int:
    """Deletes the acknowledged tombstones up to `before_seq`, and records this in `purged_seq`; their number."""
    meta, dag, acknowledged = tables.meta, tables.dag, tables.acknowledged
    is_old = and_(dag.c.content_hash.is_(None), dag.c.parsed_seq > 0, dag.c.parsed_seq <= before_seq)
    is_handled = acknowledged.c.acknowledged_seq >= dag.c.parsed_seq
    flagged = dag.join(acknowledged, dag.c.key == acknowledged.c.key)
    candidates = select(dag.c.key).select_from(flagged).where(is_old, is_handled)
    n_purged = 0
    for keys in pages(sorted(connection.execute(candidates).scalars())):
        # One that was published again since is newer, or not a tombstone any more.
        locked = select(dag.c.key).where(dag.c.key.in_(keys), is_old).order_by(dag.c.key).with_for_update()
        doomed = list(connection.execute(locked).scalars())
        for table in (dag, acknowledged):
            connection.execute(delete(table).where(table.c.key.in_(doomed)))
        n_purged += len(doomed)
    if n_purged:
        rises = and_(meta.c.purged_seq < before_seq, meta.c.counter >= before_seq)
        connection.execute(update(meta).where(rises).values(purged_seq=before_seq))
    return n_purged

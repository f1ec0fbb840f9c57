"""Locks and acknowledges fresh keys, in a transaction of the caller."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import bindparam, select, update
from sqlalchemy.engine import Connection

from sched_cache.store.contract import Pointer
from sched_cache.store.sql.paging import pages
from sched_cache.store.sql.schema import Tables


class Flags:
    """The rows of `acknowledged`."""

    def __init__(self, tables: Tables) -> None:
        dag, acknowledged = tables.dag, tables.acknowledged
        self._rows = select(acknowledged.c.key, acknowledged.c.acknowledged_seq).where(
            acknowledged.c.key.in_(bindparam("keys", expanding=True))
        )
        parsed_seq = select(dag.c.parsed_seq).where(dag.c.key == bindparam("of")).scalar_subquery()
        self._acknowledge = (
            update(acknowledged)
            .where(
                acknowledged.c.key == bindparam("of"),
                acknowledged.c.acknowledged_seq < bindparam("taken"),
                parsed_seq >= bindparam("taken"),
            )
            .values(acknowledged_seq=bindparam("taken"))
        )

    def lock(self, connection: Connection, pointers: Sequence[Pointer]) -> list[Pointer]:
        """Those of `pointers` that are not acknowledged, now locked, without those that other transactions hold."""
        # A server without SKIP LOCKED waits for the other transaction, and then finds the keys acknowledged.
        locking = self._rows.with_for_update(skip_locked=_can_skip_locked(connection))
        mine: dict[str, int] = {}
        for keys in pages([pointer.key for pointer in pointers]):
            mine.update((key, seq) for key, seq in connection.execute(locking, {"keys": keys}))
        return [one for one in pointers if one.key in mine and one.parsed_seq > mine[one.key]]

    def acknowledge(self, connection: Connection, key: str, taken_seq: int) -> bool:
        """Whether `acknowledged_seq` rose to `taken_seq`."""
        return connection.execute(self._acknowledge, {"of": key, "taken": taken_seq}).rowcount == 1


def _can_skip_locked(connection: Connection) -> bool:
    dialect = connection.dialect
    if dialect.name not in ("mysql", "mariadb"):
        return True
    first_version = (10, 6) if getattr(dialect, "is_mariadb", False) else (8, 0, 1)
    return (dialect.server_version_info or ()) >= first_version

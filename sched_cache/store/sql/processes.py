"""The latest report of each process, for operators.

The cache itself does not read reports: a process that cannot write them works normally.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from sqlalchemy import delete, select
from sqlalchemy.engine import Connection

from sched_cache.store.contract import check_key
from sched_cache.store.sql.database_clock import EpochSeconds
from sched_cache.store.sql.schema import Tables
from sched_cache.store.sql.upsert import upsert

T = TypeVar("T")

_MAX_REPORT_BYTES = 1 << 20
_MAX_PROCESSES = 500


@dataclass(frozen=True, slots=True)
class ProcessReport:
    """The report of one process.

    key: unique for the process, up to 250 characters. facts: plain values that JSON can represent.
    seconds_ago: the age of the report by the clock of the database; `put` ignores it.
    """

    key: str
    facts: Mapping[str, Any]
    seconds_ago: float = 0.0


class Run(Protocol):
    """Runs an action with a connection of the store, with retries where they help."""

    def __call__(self, action: Callable[[Connection], T], /) -> T: ...


class Processes:
    """The reports of all processes: one row each, which every report overwrites.

    Raises:
        StoreUnavailableError: from every method, when the database did not answer.
    """

    def __init__(self, tables: Tables, read: Run, write: Run) -> None:
        self._table = tables.process
        self._read = read
        self._write = write

    def put(self, report: ProcessReport) -> None:
        """Replaces the previous report of this process. One statement.

        Raises:
            InvalidDagError: the key is not one that every database stores.
        """
        check_key(report.key)
        facts = zlib.compress(json.dumps(report.facts, separators=(",", ":")).encode(), 1)
        row = {"key": report.key, "facts": facts}
        self._write(lambda connection: upsert(connection, self._table, [row]))

    def find(self, key: str) -> ProcessReport | None:
        """The latest report under this key, of any age. One statement."""
        table = self._table.c
        query = select(table.facts, (EpochSeconds() - table.seen_at).label("age")).where(table.key == key)
        row = self._read(lambda connection: connection.execute(query).one_or_none())
        facts = None if row is None else _facts(row[0])
        return None if row is None or facts is None else ProcessReport(key, facts, float(max(row[1], 0)))

    def recent(self, max_age_seconds: float) -> list[ProcessReport]:
        """The reports that are at most that old, by key. One statement, 500 processes at most."""
        table = self._table.c
        age = EpochSeconds() - table.seen_at
        query = (
            select(table.key, table.facts, age.label("age"))
            .where(age <= int(max_age_seconds))
            .order_by(table.key)
            .limit(_MAX_PROCESSES)
        )
        rows = self._read(lambda connection: connection.execute(query).all())
        found = []
        for key, data, seconds_ago in rows:
            facts = _facts(data)
            if facts is not None:  # a newer release may write something else
                found.append(ProcessReport(key, facts, float(max(seconds_ago, 0))))
        return found

    def remove(self, key: str) -> None:
        """Removes the report of a process that ends."""
        table = self._table
        self._write(lambda connection: connection.execute(delete(table).where(table.c.key == key)))

    def forget_silent(self, min_age_seconds: float) -> None:
        """Removes reports that are at least that old."""
        table = self._table
        is_old = EpochSeconds() - table.c.seen_at > int(min_age_seconds)
        self._write(lambda connection: connection.execute(delete(table).where(is_old)))


def _facts(data: bytes) -> dict[str, Any] | None:
    try:
        unpacker = zlib.decompressobj()
        text = unpacker.decompress(data, _MAX_REPORT_BYTES)
        facts = json.loads(text) if unpacker.eof else None
    except (zlib.error, ValueError, RecursionError):
        return None
    return facts if isinstance(facts, dict) else None

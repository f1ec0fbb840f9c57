"""The tables, and the same on every database.

    meta          one row: the counter that orders everything, the incarnation, how far tombstones were purged
    dag           the pointers: narrow, so that reading all of them touches no content
    content       the parts of what `dag` names, its own table so that writing them does not hold the counter
    acknowledged  the publications that schedulers have handled, its own table so that they never block a processor
    process       the latest report of each process, for operators; see `processes`

A tombstone is a `dag` row without hash, and has no `content` row. A `dag` row with `parsed_seq` 0 is a
publication that has not happened.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, MetaData, String, Table
from sqlalchemy.dialects.mysql import LONGBLOB
from sqlalchemy.sql.type_api import TypeEngine

from sched_cache.config.kind import TABLE_PREFIX
from sched_cache.errors import ConfigError
from sched_cache.store.contract import MAX_HASH_LENGTH, MAX_KEY_LENGTH
from sched_cache.store.sql.database_clock import EpochSeconds

SCHEMA_VERSION = 1
DEFAULT_PREFIX = "sched_cache_"

# Keys and hashes are compared byte by byte: the default collations of MySQL treat "Sales" and "sales" as equal.
_MYSQL_OPTIONS: dict[str, Any] = {
    f"{dialect}_{option}": value
    for dialect in ("mysql", "mariadb")
    for option, value in (("engine", "InnoDB"), ("charset", "utf8mb4"), ("collate", "utf8mb4_bin"))
}


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables under one prefix."""

    meta: Table
    dag: Table
    content: Table
    acknowledged: Table
    process: Table

    @property
    def metadata(self) -> MetaData:
        """The metadata, to create and drop the tables."""
        return self.meta.metadata


def tables(prefix: str = DEFAULT_PREFIX, schema: str | None = None) -> Tables:
    """The tables as SQLAlchemy objects; nothing is created in the database.

    Raises:
        ConfigError: `Config` does not allow the prefix.
    """
    try:
        TABLE_PREFIX.check(prefix)
    except ValueError:
        raise ConfigError("table_prefix", prefix, TABLE_PREFIX.allowed) from None
    metadata = MetaData(schema=schema)

    def table(name: str, *columns: Column[Any]) -> Table:
        return Table(prefix + name, metadata, *columns, **_MYSQL_OPTIONS)

    return Tables(
        meta=table(
            "meta",
            Column("id", Integer, primary_key=True, autoincrement=False),
            Column("counter", BigInteger, nullable=False),
            Column("incarnation", String(32), nullable=False),
            Column("purged_seq", BigInteger, nullable=False),
            Column("schema_version", Integer, nullable=False),
        ),
        dag=table(
            "dag",
            Column("key", _key(), primary_key=True),
            Column("version", BigInteger, nullable=False),
            # The change feed is a range of this index.
            Column("parsed_seq", BigInteger, nullable=False, index=True),
            Column("content_hash", String(MAX_HASH_LENGTH)),
        ),
        content=table(
            "content",
            Column("key", _key(), primary_key=True),
            Column("hot", _bytes_of_any_size(), nullable=False),
            Column("cold", _bytes_of_any_size(), nullable=False),
        ),
        acknowledged=table(
            "acknowledged",
            Column("key", _key(), primary_key=True),
            Column("acknowledged_seq", BigInteger, nullable=False),
        ),
        process=table(
            "process",
            Column("key", _key(), primary_key=True),
            Column("seen_at", BigInteger, nullable=False, default=EpochSeconds()),
            Column("facts", _bytes_of_any_size(), nullable=False),
        ),
    )


def _key() -> TypeEngine[str]:
    # "C": the order of Python, and no index to rebuild when the operating system's collations change.
    return String(MAX_KEY_LENGTH).with_variant(String(MAX_KEY_LENGTH, collation="C"), "postgresql")


def _bytes_of_any_size() -> TypeEngine[bytes]:
    # A plain BLOB of MySQL ends at 64 KB.
    return LargeBinary().with_variant(LONGBLOB(), "mysql").with_variant(LONGBLOB(), "mariadb")

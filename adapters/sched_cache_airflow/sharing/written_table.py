"""The table of written versions: one row for each write or deletion of the content of a version.

A row is inserted in the transaction of the write, so it is committed or rolled back with it, savepoints included. It
needs no lock that another writer could hold. A later reader publishes the current content of the version, and removes
the row; see `maintenance`.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, MetaData, String, Table

from sched_cache.config import Config

MAX_VERSION_ID_LENGTH = 40
MAX_DAG_ID_LENGTH = 250


def written_table(config: Config) -> Table:
    """The table, with the prefix and in the schema of the other ones. Creates nothing.

    dag_version_id: as the host's database shows it, a UUID with dashes or without.
    """
    return _table(config, "written", Column("dag_version_id", String(MAX_VERSION_ID_LENGTH), nullable=False))


def written_dag_table(config: Config) -> Table:
    """The same for Airflow 2.11, where a DAG has one content, which its id names."""
    return _table(config, "written_dag", Column("dag_id", String(MAX_DAG_ID_LENGTH), nullable=False))


def _table(config: Config, name: str, version: Column[str]) -> Table:
    return Table(
        f"{config.table_prefix}{name}",
        MetaData(schema=config.database_schema),
        Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
        version,
        mysql_engine="InnoDB",
        mariadb_engine="InnoDB",
    )

"""Serialized DAGs from a metadata database of Airflow 2 or 3, or from JSON files."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

_BATCH = 50


class ReplayError(Exception):
    """There are no serialized DAGs in the given place; the message has the reason."""


def from_files(folder: Path) -> Iterator[dict[str, Any]]:
    """Every `*.json` below the folder, in the order of their names.

    Raises:
        ReplayError: a file cannot be read or is not JSON.
    """
    for path in sorted(folder.rglob("*.json")):
        try:
            document = json.loads(path.read_text())
        except (OSError, ValueError) as error:
            raise ReplayError(f"{path.name}: {error}") from error
        if isinstance(document, dict):
            yield document


def from_database(url: str) -> Iterator[dict[str, Any]]:
    """The newest document of every DAG, in one transaction that cannot write.

    Raises:
        ReplayError: the database does not answer, or has no table `serialized_dag`.
    """
    from sqlalchemy import select
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with _reading(url) as connection:
            table = _serialized_dag(connection)
            columns = table.c
            # Airflow 3 keeps every version, Airflow 2 one row per DAG.
            key = columns.id if "id" in columns else columns.dag_id
            newest: dict[str, Any] = {}
            for dag_id, row in connection.execute(select(columns.dag_id, key).order_by(columns.last_updated)):
                newest[dag_id] = row
            keys = list(newest.values())
            for start in range(0, len(keys), _BATCH):
                rows = connection.execute(
                    select(columns.data, columns.data_compressed).where(key.in_(keys[start : start + _BATCH]))
                )
                for data, compressed in rows:
                    yield _document(data, compressed)
    except SQLAlchemyError as error:
        # Without its text, which may contain the password.
        raise ReplayError(f"the database could not be read: {type(error).__name__}") from None


@contextmanager
def _reading(url: str) -> Iterator[Connection]:
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA query_only = ON")
        elif engine.dialect.name == "postgresql":
            connection.exec_driver_sql("SET TRANSACTION READ ONLY")
        else:
            connection.exec_driver_sql("SET SESSION TRANSACTION READ ONLY")
            connection.commit()
        try:
            yield connection
        finally:
            connection.rollback()


def _serialized_dag(connection: Connection) -> Any:
    from sqlalchemy import MetaData, Table
    from sqlalchemy.exc import NoSuchTableError

    try:
        return Table("serialized_dag", MetaData(), autoload_with=connection, resolve_fks=False)
    except NoSuchTableError:
        raise ReplayError("the database has no table serialized_dag: it is not Airflow's") from None


def _document(data: Any, compressed: bytes | None) -> dict[str, Any]:
    document = json.loads(zlib.decompress(compressed)) if compressed else data
    while isinstance(document, str):
        document = json.loads(document)
    return dict(document)

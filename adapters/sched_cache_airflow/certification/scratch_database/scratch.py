"""The scratch database of a certification: an empty one, in which only what was created here is dropped again.

Three tests keep the metadata database safe. Its URL and that of the scratch database must name two places; the scratch
database must be empty when it is claimed; and a table that was created there must not be visible from the metadata
database, which finds the same database behind another address, for example that of a pooler.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from secrets import token_hex
from typing import Any, Final

from sqlalchemy import Column, MetaData, String, Table, Text, create_engine, insert, inspect, select, update
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from sched_cache.config import redact_url
from sched_cache.errors import SchedCacheError
from sched_cache_airflow.certification.scratch_database.place import Place

PREFIX: Final = "sched_cache_scratch_"
"""The prefix of the plugin's tables there."""

_CLAIM: Final = Table(
    f"{PREFIX}claim",
    MetaData(),
    Column("token", String(32), primary_key=True),
    Column("types", Text),  # JSON: the enumerated types that were there before
    Column(
        "created", Text
    ),  # JSON: the tables of the host that were created, and the types; NULL until they are
    Column("progress", Text),  # JSON: of the certification; NULL before its first step
)


class ScratchError(SchedCacheError):
    """The database cannot be the scratch database. Nothing was created or dropped there. Name an empty one."""


class Scratch:
    """A claimed scratch database. Opening it changes nothing."""

    def __init__(self, url: str, metadata_url: str) -> None:
        """
        Raises:
            ScratchError: this is no URL, or that of the metadata database.
        """
        self.url = url
        try:
            if Place.of(url).is_same(Place.of(metadata_url)):
                raise ScratchError(f"{redact_url(url)} is the metadata database of Airflow")
            self._engine: Engine = create_engine(url, poolclass=NullPool)
        except (ArgumentError, OSError, ValueError, ImportError) as error:
            raise ScratchError(f"{redact_url(url)}: {type(error).__name__}: {error}") from error

    def claim(self, metadata: Engine, *, resumes: bool, may_be_silent: bool = False) -> None:
        """Claims an empty database, or with `resumes` one that was claimed by a certification that was interrupted.

        Args:
            may_be_silent: whether to go on if the metadata database does not answer. This one does, so that it is
                another one, and it is empty.

        Raises:
            ScratchError: it is neither, or it is the metadata database after all.
        """
        try:
            with self._engine.begin() as connection:
                tables = _tables(connection)
                is_claimed = _CLAIM.name in tables
                if tables and not (is_claimed and resumes):
                    found = (
                        "of an interrupted certification: use --resume"
                        if is_claimed
                        else f"such as {tables[0]}"
                    )
                    raise ScratchError(f"{redact_url(self.url)} is not empty: it has tables {found}")
                if not is_claimed:
                    _CLAIM.create(connection)
                    connection.execute(
                        insert(_CLAIM).values(token=token_hex(16), types=json.dumps(_types(connection)))
                    )
                token = connection.execute(select(_CLAIM.c.token)).scalar_one()
        except SQLAlchemyError as error:
            raise ScratchError(f"{redact_url(self.url)}: {type(error).__name__}: {error}") from error
        if _is_visible(token, metadata, may_be_silent):
            if not is_claimed:
                with self._engine.begin() as connection:
                    _CLAIM.drop(connection)
            raise ScratchError(
                f"{redact_url(self.url)} is the metadata database of Airflow, by another address"
            )

    def create(self, migrate: Callable[[], object]) -> None:
        """Creates the host's tables, if they are not there yet. migrate: the host's own command for that."""
        if self._read("created") is None:
            migrate()
            with self._engine.begin() as connection:
                tables = [name for name in _tables(connection) if not name.startswith(PREFIX)]
                before = json.loads(connection.execute(select(_CLAIM.c.types)).scalar_one())
                types = [name for name in _types(connection) if name not in before]
                connection.execute(update(_CLAIM).values(created=json.dumps([tables, types])))

    def drop(self) -> None:
        """Drops what was created, the claim last. Other tables and types stay."""
        tables: Collection[str]
        types: Collection[str]
        tables, types = json.loads(self._read("created") or "[[], []]")
        with self._engine.begin() as connection:
            mine = [
                name
                for name in _tables(connection)
                if name != _CLAIM.name and (name in tables or name.startswith(PREFIX))
            ]
            _drop(connection, mine)
            quote = connection.dialect.identifier_preparer.quote
            for name in _types(connection):
                if name in types:
                    connection.exec_driver_sql(f"DROP TYPE {quote(name)}")
            _CLAIM.drop(connection)

    @property
    def progress(self) -> Any:
        """The last progress that was noted; None if there is none."""
        text = self._read("progress")
        return None if text is None else json.loads(text)

    @progress.setter
    def progress(self, value: Any) -> None:
        with self._engine.begin() as connection:
            connection.execute(update(_CLAIM).values(progress=json.dumps(value)))

    def _read(self, name: str) -> str | None:
        with self._engine.begin() as connection:
            text: str | None = connection.execute(select(_CLAIM.c[name])).scalar_one()
        return text


def _tables(connection: Connection) -> list[str]:
    """The tables and views of the default schema."""
    inspector = inspect(connection)
    return sorted([*inspector.get_table_names(), *inspector.get_view_names()])


def _types(connection: Connection) -> list[str]:
    """The enumerated types of the default schema, which only PostgreSQL has. They outlive the tables that use them."""
    if connection.dialect.name != "postgresql":
        return []
    inspector: Any = inspect(connection)
    return sorted(str(found["name"]) for found in inspector.get_enums())


def _is_visible(token: str, metadata: Engine, may_be_silent: bool) -> bool:
    file = metadata.url.database
    if metadata.dialect.name == "sqlite" and file and not Path(file).exists():
        return False  # connecting would create it
    try:
        with metadata.begin() as connection:
            if not inspect(connection).has_table(_CLAIM.name):
                return False
            return token in connection.execute(select(_CLAIM.c.token)).scalars().all()
    except SQLAlchemyError as error:
        if may_be_silent:
            return False
        raise ScratchError(
            f"the metadata database did not answer: {type(error).__name__}: {error}"
        ) from error


def _drop(connection: Connection, names: Iterable[str]) -> None:
    """Drops tables that refer to each other in any way."""
    names = list(names)
    if not names:
        return
    quote = connection.dialect.identifier_preparer.quote
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"DROP TABLE {', '.join(map(quote, names))} CASCADE")
        return
    off, on = {
        "mysql": ("SET FOREIGN_KEY_CHECKS = 0", "SET FOREIGN_KEY_CHECKS = 1"),
        "sqlite": ("PRAGMA foreign_keys = OFF", "PRAGMA foreign_keys = ON"),
    }[connection.dialect.name.replace("mariadb", "mysql")]
    connection.exec_driver_sql(off)
    for name in names:
        connection.exec_driver_sql(f"DROP TABLE {quote(name)}")
    connection.exec_driver_sql(on)

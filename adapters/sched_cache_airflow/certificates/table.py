"""The table of certificates: the documents, their withdrawals, and the progress of their burn-in.

A row has a certificate, which the digest of its text names, and one part of what is known of it: the document itself,
the withdrawal, or a shape of DAGs with the number of decisions that agreed. The table is created by the first process
that uses a certificate; without it there is none.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Final, Protocol, TypeVar

from sqlalchemy import (
    BigInteger,
    Column,
    LargeBinary,
    MetaData,
    String,
    Table,
    delete,
    inspect,
    select,
    update,
)
from sqlalchemy.dialects.mysql import LONGBLOB
from sqlalchemy.engine import Connection

from sched_cache.config import Config
from sched_cache.errors import StoreUnavailableError
from sched_cache.store.sql.upsert import insert_missing
from sched_cache_airflow.certificates.certificate import Certificate, CertificateError

T = TypeVar("T")

MAX_BYTES: Final = 1 << 20
"""The limit of a certificate's text."""
MAX_SHAPES: Final = 1_000
"""The limit of the shapes of DAGs that are counted for one certificate."""

_DOCUMENT: Final = "document"
_WITHDRAWN: Final = "withdrawn"
_SHAPE: Final = "shape "
_MAX_KEPT: Final = 10
_MAX_ROWS: Final = _MAX_KEPT * (MAX_SHAPES + 2)


class Store(Protocol):
    """The store of the plugin's tables: runs an action with a connection, within a deadline."""

    def read_rows(self, action: Callable[[Connection], T], /) -> T: ...
    def write_rows(self, action: Callable[[Connection], T], /) -> T: ...


def certificate_table(config: Config) -> Table:
    """The table, with the prefix and in the schema of the other ones. Creates nothing."""
    text = LargeBinary().with_variant(LONGBLOB(), "mysql").with_variant(LONGBLOB(), "mariadb")
    return Table(
        f"{config.table_prefix}certificate",
        MetaData(schema=config.database_schema),
        Column("key", String(100), primary_key=True),
        Column("certificate", String(32), nullable=False),
        Column("part", String(60), nullable=False),
        Column("n_agreed", BigInteger, nullable=False),
        Column("facts", text),
        mysql_engine="InnoDB",
        mariadb_engine="InnoDB",
    )


def id_of(text: str) -> str:
    """The name of a certificate: the digest of its text."""
    return blake2b(text.encode(), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class Known:
    """The rows about one certificate, apart from the document.

    withdrawal: the facts about it, with `reason`, `host` and `at`; None if it is not withdrawn. agreed: shape -> the
    number of decisions that agreed.
    """

    withdrawal: Mapping[str, Any] | None = None
    agreed: Mapping[str, int] = field(default_factory=dict)


NOTHING: Final = Known()


class CertificateTable:
    """The rows of all certificates. For one thread.

    Raises:
        StoreUnavailableError: from every method, when the database did not answer, or a table to write to is missing.
    """

    def __init__(self, table: Table, store: Store, *, create: bool) -> None:
        """`create`: whether a table that is missing may be created."""
        self._table = table
        self._store = store
        self._create = create
        self._is_there = False
        self._facts: dict[str, bytes | None] = {}

    def read(self) -> tuple[dict[str, Certificate], dict[str, Known]]:
        """(the certificates, what is known of each and of those in files), by id. A damaged one is left out.

        One statement; another one for the documents and withdrawals that were not read before.
        """
        return self._store.read_rows(self._read)

    def put(self, text: str) -> str:
        """Adds a certificate, and removes all but the newest ones; its id.

        Raises:
            CertificateError: this is no certificate.
        """
        name = id_of(text)
        certificates = {**self.read()[0], name: Certificate.read(text)}
        by_age = sorted(certificates, key=lambda each: certificates[each].certified_at)
        row = self._row(name, _DOCUMENT, zlib.compress(text.encode()))

        def put(connection: Connection) -> None:
            insert_missing(connection, self._table, [row])
            if len(by_age) > _MAX_KEPT:
                gone = self._table.c.certificate.in_(by_age[:-_MAX_KEPT])
                connection.execute(delete(self._table).where(gone))

        self._write(put)
        return name

    def withdraw(self, name: str, facts: Mapping[str, Any]) -> None:
        """Withdraws a certificate for every process. The first reason stays."""
        row = self._row(name, _WITHDRAWN, zlib.compress(json.dumps(dict(facts)).encode()))
        self._write(lambda connection: insert_missing(connection, self._table, [row]))

    def add(self, name: str, agreed: Mapping[str, int]) -> None:
        """Adds to the numbers of decisions that agreed, by shape."""
        rows = {shape: self._row(name, f"{_SHAPE}{shape}", None) for shape in sorted(agreed)}

        def add(connection: Connection) -> None:
            insert_missing(connection, self._table, list(rows.values()))
            for shape, row in rows.items():
                of_shape = update(self._table).where(self._table.c.key == row["key"])
                connection.execute(of_shape.values(n_agreed=self._table.c.n_agreed + agreed[shape]))

        if rows:
            self._write(add)

    def prepare(self) -> None:
        """Creates the table, if it is missing."""
        if not self._is_there:
            self._store.write_rows(self._create_missing)
            self._is_there = True

    def _write(self, write: Callable[[Connection], object]) -> None:
        self.prepare()
        self._store.write_rows(write)

    def _create_missing(self, connection: Connection) -> None:
        if self._has_table(connection):
            return
        if not self._create:
            raise StoreUnavailableError(
                f"the table {self._table.fullname} is missing: run `sched-cache init-db`"
            )
        self._table.create(connection, checkfirst=True)

    def _has_table(self, connection: Connection) -> bool:
        return inspect(connection).has_table(self._table.name, self._table.schema)

    def _read(self, connection: Connection) -> tuple[dict[str, Certificate], dict[str, Known]]:
        if not self._is_there and not self._has_table(connection):
            return {}, {}
        table = self._table.c
        query = select(table.key, table.certificate, table.part, table.n_agreed).limit(_MAX_ROWS)
        rows = connection.execute(query).all()
        self._read_facts(connection, [key for key, _, part, _ in rows if not part.startswith(_SHAPE)])
        known: dict[str, Known] = {}
        for name in {name for _, name, _, _ in rows}:
            agreed = {
                part.removeprefix(_SHAPE): n_agreed
                for _, each, part, n_agreed in rows
                if each == name and part.startswith(_SHAPE)
            }
            known[name] = Known(self._withdrawal(name), agreed)
        return dict(self._certificates(known)), known

    def _read_facts(self, connection: Connection, keys: Collection[str]) -> None:
        """Both kinds never change. Only those that are present are kept."""
        self._facts = {key: facts for key, facts in self._facts.items() if key in keys}
        new = [key for key in keys if key not in self._facts]
        if new:
            table = self._table.c
            query = select(table.key, table.facts).where(table.key.in_(new))
            self._facts.update((key, facts) for key, facts in connection.execute(query))

    def _withdrawal(self, name: str) -> Mapping[str, Any] | None:
        key = self._key(name, _WITHDRAWN)
        if key not in self._facts:
            return None
        try:
            facts = json.loads(_unpacked(self._facts[key]))
        except ValueError:
            facts = None
        return facts if isinstance(facts, dict) else {"reason": "for a reason that cannot be read"}

    def _certificates(self, names: Collection[str]) -> Iterator[tuple[str, Certificate]]:
        for name in names:
            facts = self._facts.get(self._key(name, _DOCUMENT))
            try:
                text = _unpacked(facts)
                if id_of(text) == name:
                    yield name, Certificate.read(text)
            except (ValueError, CertificateError):  # of a newer release, or damaged
                continue

    def _key(self, name: str, part: str) -> str:
        return f"{name} {part}"

    def _row(self, name: str, part: str, facts: bytes | None) -> dict[str, Any]:
        key = self._key(name, part)
        return {"key": key, "certificate": name, "part": part, "n_agreed": 0, "facts": facts}


def _unpacked(facts: bytes | None) -> str:
    """
    Raises:
        ValueError: it is damaged, or larger than a certificate may be.
    """
    unpacker = zlib.decompressobj()
    try:
        text = unpacker.decompress(facts or b"", MAX_BYTES)
    except zlib.error as error:
        raise ValueError("damaged") from error
    if not unpacker.eof:
        raise ValueError("too large, or cut off")
    return text.decode()

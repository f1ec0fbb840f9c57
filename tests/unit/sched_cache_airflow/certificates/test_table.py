"""The table of certificates on each database: what is written is read by every process, and nothing else is needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from sqlalchemy import create_engine, inspect, update

from sched_cache.config import Config
from sched_cache.errors import StoreUnavailableError
from sched_cache.store.sql import SqlStore
from sched_cache_airflow.certificates.certificate import Bound, Certificate, CertificateError
from sched_cache_airflow.certificates.table import CertificateTable, certificate_table, id_of
from tests.support.servers import MariadbServer, PostgresServer, required

TABLE = certificate_table(Config())
BOUND = Bound(
    digests={"airflow.utils.state:": "bb"},
    vocabulary="cc",
    build="dd",
    airflow="3.3.1",
    python="3.11",
    sqlalchemy="2.0.49",
    dialect="postgresql",
    driver="psycopg2",
    strategies=(),
    policies=(),
    listeners=(),
)
WITHDRAWAL = {"reason": "a decision differed", "host": "one", "at": "2026-11-30T12:00:00"}


def certificate(number: int = 0) -> Certificate:
    evidence = {"refusals": [], "seed": number, "certified_at": f"2026-11-30T12:00:{number:02}"}
    return Certificate(BOUND, evidence)


@pytest.fixture(scope="module", params=["sqlite", "postgresql", "mariadb"])
def new_url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], str]]:
    """URLs of empty databases of one kind."""
    if request.param == "sqlite":
        folder = tmp_path_factory.mktemp("databases")
        numbers = iter(range(1000))
        yield lambda: f"sqlite:///{folder}/{next(numbers)}.db"
        return
    with required():
        server = PostgresServer() if request.param == "postgresql" else MariadbServer()
    with server:
        yield lambda: server.url(server.create_database())


@pytest.fixture
def url(new_url: Callable[[], str]) -> str:
    return new_url()


@pytest.fixture
def opened(url: str) -> Iterator[Callable[..., CertificateTable]]:
    """Makes the table of one more process."""
    stores: list[SqlStore] = []

    def make(*, create: bool = True) -> CertificateTable:
        stores.append(SqlStore.open(url))
        return CertificateTable(TABLE, stores[-1], create=create)

    yield make
    for store in stores:
        store.close()


Opened = Callable[..., CertificateTable]


def test_a_database_without_the_table_has_no_certificate_and_gets_no_table(opened: Opened, url: str) -> None:
    assert opened().read() == ({}, {})
    engine = create_engine(url)
    assert TABLE.name not in inspect(engine).get_table_names()
    engine.dispose()


def test_every_process_reads_what_one_writes(opened: Opened) -> None:
    one, other = opened(), opened()
    name = one.put(certificate().text())
    assert name == id_of(certificate().text())
    assert other.read()[0] == {name: certificate()}
    one.add(name, {"aa": 3, "bb": 1})
    other.add(name, {"aa": 2})
    other.withdraw(name, WITHDRAWAL)
    one.withdraw(name, {**WITHDRAWAL, "reason": "another one"})
    for table in (one, other, opened()):
        certificates, known = table.read()
        assert certificates == {name: certificate()}
        assert (known[name].withdrawal, known[name].agreed) == (WITHDRAWAL, {"aa": 5, "bb": 1})


def test_a_certificate_in_a_file_is_withdrawn_in_the_table(opened: Opened) -> None:
    """Its document is not there."""
    opened().withdraw("ff", WITHDRAWAL)
    certificates, known = opened().read()
    assert (certificates, known["ff"].withdrawal) == ({}, WITHDRAWAL)


def test_the_newest_certificates_are_kept(opened: Opened) -> None:
    table = opened()
    names = [table.put(certificate(number).text()) for number in range(12)]
    table.add(names[-1], {"aa": 1})
    certificates, known = opened().read()
    assert set(certificates) == set(known) == set(names[2:])


def test_a_refused_trial_is_not_stored(opened: Opened) -> None:
    refused = replace(certificate(), evidence={"refusals": ["a line did not run"]})
    with pytest.raises(CertificateError):
        opened().put(refused.text())


def test_a_table_that_may_not_be_created_is_named(opened: Opened) -> None:
    table = opened(create=False)
    assert table.read() == ({}, {})
    with pytest.raises(StoreUnavailableError, match="certificate is missing: run `sched-cache init-db`"):
        table.withdraw("ff", WITHDRAWAL)


@pytest.mark.parametrize("facts", [b"", b"x\x9c", None, b"\x00" * 50])
def test_a_damaged_document_is_none_and_a_damaged_withdrawal_is_one(
    opened: Opened, url: str, facts: bytes | None
) -> None:
    table = opened()
    name = table.put(certificate().text())
    table.withdraw(name, WITHDRAWAL)
    engine = create_engine(url, future=True)
    with engine.begin() as connection:
        connection.execute(update(TABLE).values(facts=facts))
    engine.dispose()
    certificates, known = opened().read()
    assert certificates == {}
    assert known[name].withdrawal == {"reason": "for a reason that cannot be read"}

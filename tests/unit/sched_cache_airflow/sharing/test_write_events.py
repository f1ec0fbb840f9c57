"""The host's transaction goes on as on stock, whatever becomes of our row in it, and waits 100 ms for that at most."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Column, String, Table, create_engine, delete, event, func, select, text, update
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import ORMExecuteState, Session, declarative_base

from sched_cache.config import Config
from sched_cache.stats import Stats
from sched_cache_airflow.patching.fallback import Fallbacks
from sched_cache_airflow.sharing import write_events as module
from sched_cache_airflow.sharing.write_events import WriteEvents, rows_of, table_of
from sched_cache_airflow.sharing.written_table import written_dag_table

Base: Any = declarative_base()


class Dag(Base):
    """The host's row."""

    __tablename__ = "serialized_dag"
    dag_id = Column(String(250), primary_key=True)
    dag_hash = Column(String(32))


class Writes:
    """As on Airflow 2.11."""

    column = "dag_id"

    def of_row(self, row: Any) -> str | None:
        name: str = row.dag_id
        return name

    def of_statement(self, state: ORMExecuteState) -> Any:
        written, name = table_of(state)
        return rows_of(state, select(written.c.dag_id)) if name == "serialized_dag" else None


class Host:
    """A host with one engine: what was handed over after its commits, and what our table has."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.written: Table | None = written_dag_table(Config())
        self.stats = Stats()
        self.fallbacks = Fallbacks(self.stats)
        self.handed_over: list[str] = []
        self.n_woken = 0
        self.n_told = 0
        self.maintenance = SimpleNamespace(wake=self._wake)

    def tell(self) -> None:
        self.n_told += 1

    def _wake(self, *names: str) -> None:
        self.n_woken += 1
        self.handed_over.extend(names)

    def rows(self) -> list[str]:
        assert self.written is not None
        with self.engine.connect() as connection:
            return list(
                connection.execute(select(self.written.c.dag_id).order_by(self.written.c.id)).scalars()
            )

    @contextmanager
    def session(self, **options: Any) -> Iterator[Session]:
        with Session(self.engine, future=True, **options) as session:
            yield session
            session.commit()

    def write(self, dag_hash: str, **options: Any) -> None:
        with self.session(**options) as session:
            session.get(Dag, "a").dag_hash = dag_hash  # type: ignore[union-attr]

    def hash_now(self) -> str | None:
        with self.engine.connect() as connection:
            return connection.execute(select(Dag.__table__.c.dag_hash)).scalar_one()


@pytest.fixture(params=["postgresql", "mariadb", "sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Any) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/host.db"
    found: str = request.getfixturevalue(
        {"postgresql": "postgres_url", "mariadb": "mariadb_url"}[request.param]
    )
    return found


@pytest.fixture
def host(url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    monkeypatch.setattr(module, "remember_engine", lambda: None)
    engine = create_engine(url, future=True)
    host = Host(engine)
    assert host.written is not None
    Base.metadata.create_all(engine)
    host.written.create(engine)
    with host.session() as session:
        session.add(Dag(dag_id="a", dag_hash="0"))
    events = WriteEvents(Writes(), lambda: host)  # type: ignore[arg-type, return-value]  # what it uses of it
    events.start(Dag)
    yield host
    events.stop()
    engine.dispose()


def is_postgresql(host: Host) -> bool:
    return host.engine.dialect.name == "postgresql"


on_postgresql = pytest.mark.parametrize("url", ["postgresql"], indirect=True)


def by_object(session: Session) -> None:
    session.get(Dag, "a").dag_hash = "1"  # type: ignore[union-attr]
    session.flush()


def by_statement(session: Session) -> None:
    session.execute(update(Dag).values(dag_hash="1"))


def by_core(session: Session) -> None:
    session.execute(update(Dag.__table__).where(Dag.__table__.c.dag_id == "a").values(dag_hash="1"))


def by_deletion(session: Session) -> None:
    session.execute(delete(Dag))


WRITES = [by_object, by_statement, by_core, by_deletion]


@pytest.mark.parametrize("write", WRITES)
def test_a_write_is_noticed(host: Host, write: Callable[[Session], None]) -> None:
    """By a row in its transaction on PostgreSQL, else by its name, which comes after the commit."""
    with host.session() as session:
        write(session)
        assert not host.n_woken
    assert host.n_woken == 1
    assert (host.rows(), host.handed_over) == ((["a"], []) if is_postgresql(host) else ([], ["a"]))
    assert not host.stats.fallbacks


def test_a_flush_of_many_objects_costs_one_statement_more(host: Host) -> None:
    """Not one for each."""
    statements: list[str] = []
    event.listen(host.engine, "before_cursor_execute", lambda *call: statements.append(call[2]))
    with host.session() as session:
        session.add_all(Dag(dag_id=f"dag {number}") for number in range(50))
    names = sorted([*host.rows(), *host.handed_over])
    assert names == sorted(f"dag {number}" for number in range(50))
    assert sum("sched_cache_written" in statement for statement in statements) <= 2
    assert len(statements) <= 8


def test_what_is_rolled_back_leaves_no_row(host: Host) -> None:
    """And wakes nobody."""
    with host.session() as session:
        by_object(session)
        session.rollback()
    with host.session() as session:
        savepoint = session.begin_nested()
        by_statement(session)
        savepoint.rollback()
    assert host.rows() == []


SETTINGS = {
    "none": "SELECT 1",
    "of the session": "SET lock_timeout = '7s'",
    "of the transaction": "SET LOCAL lock_timeout = '7s'",
}


@contextmanager
def table_locked(host: Host) -> Iterator[None]:
    """As by VACUUM FULL, or a long migration."""
    with host.engine.connect() as holder:
        holder.execute(text("LOCK TABLE sched_cache_written_dag IN ACCESS EXCLUSIVE MODE"))
        yield
        holder.rollback()


@on_postgresql
@pytest.mark.parametrize("is_locked", [False, True], ids=["written", "given up"])
@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)
@pytest.mark.parametrize("write", WRITES)
def test_settings_of_the_host_stay(
    host: Host, write: Callable[[Session], None], setting: str, is_locked: bool
) -> None:
    """In the transaction, and in the session after it, also where another client of a pooler gets it next."""
    read = text("SELECT current_setting('lock_timeout')")
    with host.engine.connect() as connection:
        session = Session(connection, future=True)
        session.execute(text(setting))
        before = session.execute(read).scalar()
        with table_locked(host) if is_locked else session.begin_nested():
            write(session)
            assert session.execute(read).scalar() == before
        session.commit()
        after = session.execute(read).scalar()
        assert after == (before if "LOCAL" not in setting else "0")
        session.rollback()
    assert (host.rows(), host.handed_over) == (([], ["a"]) if is_locked else (["a"], []))


@on_postgresql
@pytest.mark.parametrize("write", WRITES)
def test_a_lock_on_our_table_holds_the_host_up_for_its_bound(
    host: Host, write: Callable[[Session], None]
) -> None:
    """Once; for the next minute it is not tried. The name comes after the commit, so nothing is lost."""
    with table_locked(host):
        for _ in range(2):
            started = time.monotonic()
            with host.session() as session:
                write(session)
            assert time.monotonic() - started < 30
    assert host.handed_over[:1] == ["a"]
    assert host.stats.fallbacks["write noticed late"] == 1


@on_postgresql
def test_a_bound_of_the_host_that_is_met_by_its_own_lock_stays_its_own(host: Host) -> None:
    """The host's next wait for a lock is bounded by what the host has set."""
    with host.engine.connect() as holder, host.session() as session:
        by_object(session)
        holder.execute(text("CREATE TABLE other (c INT)"))
        holder.commit()
        holder.execute(text("LOCK TABLE other IN ACCESS EXCLUSIVE MODE"))
        session.execute(text("SET LOCAL lock_timeout = '700ms'"))
        session.execute(update(Dag).values(dag_hash="2"))
        started = time.monotonic()
        with pytest.raises(DBAPIError):
            session.execute(text("SELECT * FROM other"))
        assert time.monotonic() - started > 0.5
        session.rollback()
        holder.rollback()


def drop_table(host: Host) -> None:
    with host.engine.begin() as connection:
        connection.execute(text("DROP TABLE sched_cache_written_dag"))


def make_view(host: Host) -> None:
    drop_table(host)
    with host.engine.begin() as connection:
        connection.execute(text("CREATE VIEW sched_cache_written_dag AS SELECT 1 AS id, 'x' AS dag_id"))


def break_table(host: Host) -> None:
    with host.engine.begin() as connection:
        connection.execute(text("ALTER TABLE sched_cache_written_dag ADD CHECK (id < 0) NOT VALID"))


@on_postgresql
@pytest.mark.parametrize("damage", [drop_table, make_view, break_table], ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("is_known", [False, True], ids=["at first", "later"])
@pytest.mark.parametrize("write", WRITES)
def test_a_table_that_cannot_be_written(
    host: Host, write: Callable[[Session], None], damage: Callable[[Host], None], is_known: bool
) -> None:
    """The host commits, in its transaction as it was, and the name comes after."""
    if is_known:
        with host.session() as session:
            session.get(Dag, "a").dag_hash = "before"  # type: ignore[union-attr]
    damage(host)
    with host.session() as session:
        write(session)
        assert session.execute(select(func.count())).scalar() == 1
    assert host.handed_over == ["a"]
    if write is not by_deletion:
        assert host.hash_now() == "1"


@on_postgresql
def test_a_user_without_the_right_to_insert(host: Host) -> None:
    """The host writes under another user than the one that made our table."""
    with host.engine.begin() as connection:
        connection.execute(text("CREATE ROLE writer"))
        connection.execute(text("GRANT ALL ON serialized_dag TO writer"))
    try:
        with host.session() as session:
            session.execute(text("SET LOCAL ROLE writer"))
            by_object(session)
        assert (host.hash_now(), host.handed_over) == ("1", ["a"])
    finally:
        with host.engine.begin() as connection:
            connection.execute(text("DROP OWNED BY writer"))
            connection.execute(text("DROP ROLE writer"))


@pytest.mark.parametrize("level", ["AUTOCOMMIT", "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
@pytest.mark.parametrize("write", WRITES)
def test_isolation_levels(host: Host, write: Callable[[Session], None], level: str) -> None:
    """Each goes on as it is, and the write is noticed."""
    if host.engine.dialect.name == "sqlite" and level in ("READ COMMITTED", "REPEATABLE READ"):
        return  # it has no such level
    engine = host.engine.execution_options(isolation_level=level)
    with Session(engine, future=True) as session:
        write(session)
        session.commit()
    assert sorted({*host.rows(), *host.handed_over}) == ["a"]
    assert host.n_woken == 1


@on_postgresql
def test_a_transaction_that_commits_in_two_phases(host: Host) -> None:
    """Its row is prepared with it."""
    host.write("1", twophase=True)
    assert (host.hash_now(), host.rows()) == ("1", ["a"])


@on_postgresql
def test_a_serialization_failure_is_the_hosts(host: Host) -> None:
    """Two transactions that cannot both be: one of them fails, with the error of stock, and can be repeated."""
    engine = host.engine.execution_options(isolation_level="SERIALIZABLE")
    with Session(engine, future=True) as first, Session(engine, future=True) as second:
        for session in (first, second):
            session.execute(select(Dag)).all()
        by_core(first)
        first.commit()
        with pytest.raises(DBAPIError) as raised:
            by_core(second)
        assert getattr(raised.value.orig, "pgcode", None) == "40001"
        second.rollback()
        by_core(second)
        second.commit()
    assert host.hash_now() == "1"


@on_postgresql
def test_a_connection_that_is_lost_in_our_statement(host: Host, postgres_url: str) -> None:
    """The host hears of it by the driver's error, as its own next statement would say it, and may repeat."""

    def end_backend(connection: Connection, cursor: Any, statement: str, *_: Any) -> None:
        if "sched_cache_written" in statement and "INSERT" in statement:
            event.remove(host.engine, "before_cursor_execute", end_backend)
            pid = connection.connection.dbapi_connection.info.backend_pid  # type: ignore[union-attr]
            with host.engine.connect() as other:
                other.execute(text(f"SELECT pg_terminate_backend({pid})"))

    event.listen(host.engine, "before_cursor_execute", end_backend)
    with pytest.raises(DBAPIError), Session(host.engine, future=True) as session:
        by_object(session)
        session.commit()
    host.write("2")
    assert host.hash_now() == "2"


def test_a_bug_of_ours_stays_with_us(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """The host's transaction commits what it has written."""

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(module, "leaves_rows", broken)
    host.write("1")
    assert host.hash_now() == "1"
    assert host.stats.fallbacks["write not noticed"] == 1


def test_a_huge_transaction_keeps_a_bounded_number_of_names(host: Host) -> None:
    """The comparison of hashes finds the others."""
    host.written = None
    with host.session() as session:
        session.add_all(Dag(dag_id=f"dag {number}") for number in range(3_000))
    assert len(host.handed_over) == module._MAX_NAMES


def test_round_trips(host: Host) -> None:
    """On PostgreSQL one message more than the host's own for written objects, with its driver psycopg2; else none."""
    trips = round_trips(host)
    host.write("1")  # looks whether the table is there
    trips.clear()
    host.write("2")
    ours = [trip for trip in trips if "serialized_dag" not in trip]
    assert len(ours) == (1 if is_postgresql(host) else 0), ours


@on_postgresql
def test_round_trips_of_a_statement(host: Host) -> None:
    """Four more than the host's own, for a savepoint, its bound, the rows and its end."""
    with host.session() as session:
        by_statement(session)
    trips = round_trips(host)
    with host.session() as session:
        by_statement(session)
    ours = [trip for trip in trips if not trip.startswith("UPDATE")]
    assert len(ours) <= 6, ours  # a savepoint is an event and a statement


def round_trips(host: Host) -> list[str]:
    trips: list[str] = []
    for name in ("savepoint", "release_savepoint"):
        event.listen(host.engine, name, lambda *call: trips.append("savepoint"))
    event.listen(host.engine, "before_cursor_execute", lambda *call: trips.append(call[2]))
    return trips


AWKWARD_NAMES = ["it's", 'a "b"', r"back\slash'", "100 %", "%(names)s", "$$", "; DROP TABLE x", "ä 中", "{c}"]


@pytest.mark.parametrize("conforming", ["on", "off"])
@on_postgresql
def test_names_with_any_characters(host: Host, conforming: str) -> None:
    """They come as they are, also where the server takes a backslash in a string for more than that."""
    with host.session() as session:
        session.execute(text(f"SET standard_conforming_strings = {conforming}"))
        session.add_all(Dag(dag_id=name) for name in AWKWARD_NAMES)
    assert sorted(host.rows()) == sorted(AWKWARD_NAMES)
    assert not host.stats.fallbacks


@on_postgresql
def test_a_driver_that_sends_one_statement_a_message(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows are left in turn, bounded and undone like those of one message."""
    monkeypatch.setattr(host.engine.dialect, "driver", "psycopg")
    host.write("1")
    assert host.rows() == ["a"]
    with table_locked(host):
        host.write("2")
    assert (host.rows(), host.handed_over, host.hash_now()) == (["a"], ["a"], "2")

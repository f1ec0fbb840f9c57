"""Two Airflows on the plugin's tables: the second one stays off, and what is no second one does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import Column, DateTime, Integer, MetaData, String, Table, create_engine, insert, text, update
from sqlalchemy.dialects.mysql import TIMESTAMP
from sqlalchemy.engine import Connection, Engine, make_url

from sched_cache.store.sql import SqlStore
from sched_cache.store.sql.processes import ProcessReport
from sched_cache_airflow.reporting.reports import recent_reports
from sched_cache_airflow.settings.hold import Hold
from sched_cache_airflow.settings.settings import Settings
from sched_cache_airflow.sharing.owner import CLAIM, LAPSE_SECONDS, OTHER, Owner
from tests.support.servers import MariadbServer, PostgresServer, required

_MOMENT = (
    DateTime(timezone=True).with_variant(TIMESTAMP(fsp=6), "mysql").with_variant(TIMESTAMP(fsp=6), "mariadb")
)
JOB = Table(
    "job",
    MetaData(),
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("state", String(20)),
    Column("start_date", _MOMENT),
    Column("latest_heartbeat", _MOMENT),
)
BEGIN = datetime(2026, 11, 30, 12, 0, 0, 123456, tzinfo=timezone.utc)


class Metadata:
    """A metadata database, and its scheduler. `seconds`: since the beginning, by the scheduler's clock."""

    def __init__(self, url: str, *, is_new: bool = True) -> None:
        self.engine: Engine = create_engine(url, future=True)
        self.seconds = 0.0
        if is_new:
            JOB.metadata.create_all(self.engine)

    def run_job(self, job_id: int) -> None:
        with self.engine.begin() as connection:
            now = BEGIN + timedelta(seconds=self.seconds)
            row = {"id": job_id, "state": "running", "start_date": now, "latest_heartbeat": now}
            connection.execute(insert(JOB), row)

    def beat(self, job_id: int, seconds: float = 5.0) -> None:
        """Its next heartbeat."""
        self.seconds += seconds
        self.set_heartbeat(job_id)

    def set_heartbeat(self, job_id: int) -> None:
        moment = BEGIN + timedelta(seconds=self.seconds)
        with self.engine.begin() as connection:
            connection.execute(update(JOB).where(JOB.c.id == job_id).values(latest_heartbeat=moment))

    def copy_to(self, other: Metadata) -> None:
        """Makes `other` a clone as of now."""
        with self.engine.connect() as connection:
            rows = [dict(row._mapping) for row in connection.execute(JOB.select())]
        with other.engine.begin() as connection:
            connection.execute(JOB.delete())
            connection.execute(insert(JOB), rows)
        other.seconds = self.seconds

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        with self.engine.begin() as connection:
            yield connection


class Process:
    """A process of the Airflow with this metadata database."""

    def __init__(self, store: SqlStore, metadata: Metadata) -> None:
        self.hold = Hold()
        self._owner = Owner(store.processes, metadata.transaction, self.hold)

    def is_on(self) -> bool:
        """Whether it serves after one more look."""
        self._owner.look()
        return not self.hold.reason


@pytest.fixture(scope="module", params=["sqlite", "postgresql", "mariadb"])
def new_url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], str]]:
    """URLs of empty databases of one kind."""
    if request.param == "sqlite":
        folder = tmp_path_factory.mktemp("metadata")
        numbers = iter(range(1000))
        yield lambda: f"sqlite:///{folder}/{next(numbers)}.db"
        return
    with required():
        server = PostgresServer() if request.param == "postgresql" else MariadbServer()
    with server:
        yield lambda: server.url(server.create_database())


@pytest.fixture
def new_metadata(new_url: Callable[[], str]) -> Iterator[Callable[[], Metadata]]:
    made: list[Metadata] = []

    def make() -> Metadata:
        made.append(Metadata(new_url()))
        return made[-1]

    yield make
    for metadata in made:
        metadata.engine.dispose()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    """The plugin's own database."""
    store = SqlStore.open(f"sqlite:///{tmp_path / 'plugin.db'}")
    yield store
    store.close()


@pytest.fixture
def first(new_metadata: Callable[[], Metadata]) -> Metadata:
    """Of the Airflow that came first; its scheduler is job 7."""
    metadata = new_metadata()
    metadata.run_job(7)
    return metadata


def let_lapse(store: SqlStore, seconds: float = LAPSE_SECONDS + 5) -> None:
    with store.transaction() as connection:
        connection.execute(text(f"UPDATE sched_cache_process SET seen_at = seen_at - {int(seconds)}"))


def test_another_airflow_stays_off_and_the_first_on(
    store: SqlStore, first: Metadata, new_metadata: Callable[[], Metadata]
) -> None:
    """From its first look on, also if it has a job of the same number, and whatever the first one restarts."""
    scheduler = Process(store, first)
    assert scheduler.is_on()
    other = new_metadata()
    other.seconds = 500
    other.run_job(7)
    second = Process(store, other)
    for number in range(20):
        first.beat(7 if number < 10 else 8)
        if number == 9:
            first.run_job(8)
            scheduler = Process(store, first)
        other.beat(7)
        assert scheduler.is_on()
        assert not second.is_on() and second.hold.reason == OTHER


def test_a_clone_of_the_metadata_database_is_another_airflow(
    store: SqlStore, first: Metadata, new_metadata: Callable[[], Metadata]
) -> None:
    """Its jobs are there and their heartbeats stand still; its own scheduler has the next number."""
    scheduler = Process(store, first)
    assert scheduler.is_on()
    clone = new_metadata()
    first.copy_to(clone)
    for _ in range(30):  # it takes a while to make a clone and to start it
        first.beat(7)
        assert scheduler.is_on()
    clone.seconds = first.seconds
    clone.run_job(8)
    second = Process(store, clone)
    for _ in range(20):
        first.beat(7)
        clone.beat(8)
        assert not second.is_on()
        assert scheduler.is_on()
    first.run_job(8)  # the same number as the clone's
    restarted = Process(store, first)
    for _ in range(40):
        first.beat(8)
        clone.beat(8)
        assert restarted.is_on()
        assert not second.is_on()


def test_a_clone_that_starts_at_once_never_puts_the_first_off(
    store: SqlStore, first: Metadata, new_metadata: Callable[[], Metadata]
) -> None:
    """Before the claim shows a heartbeat that it does not have."""
    scheduler = Process(store, first)
    assert scheduler.is_on()
    clone = new_metadata()
    first.copy_to(clone)
    clone.run_job(8)
    second = Process(store, clone)
    states = []
    for _ in range(40):
        clone.beat(8)
        states.append(second.is_on())
        first.beat(7)
        assert scheduler.is_on()
    assert not any(states[-15:])


def test_a_failover_that_lost_the_last_seconds_is_no_other_airflow(store: SqlStore, first: Metadata) -> None:
    """For processes that run, and for those that start before the next heartbeat."""
    scheduler = Process(store, first)
    for _ in range(12):
        first.beat(7)
        assert scheduler.is_on()
    first.seconds -= 15
    first.set_heartbeat(7)
    assert scheduler.is_on() and Process(store, first).is_on()
    for _ in range(5):
        first.beat(7)
        assert scheduler.is_on()


def test_a_failover_that_lost_more_stops_no_process_that_runs(store: SqlStore, first: Metadata) -> None:
    """No process renews the claim, so there is no other Airflow; once it has lapsed all is as it was."""
    scheduler = Process(store, first)
    for _ in range(60):
        first.beat(7)
        assert scheduler.is_on()
    first.seconds -= 200
    first.set_heartbeat(7)
    assert all(scheduler.is_on() for _ in range(5))
    let_lapse(store)
    assert scheduler.is_on() and Process(store, first).is_on()


def test_two_generations_on_one_metadata_database_are_one_airflow(store: SqlStore, first: Metadata) -> None:
    """Blue and green, each with its scheduler, from different machines through different connections."""
    green = Metadata(first.engine.url.render_as_string(hide_password=False), is_new=False)
    first.run_job(8)
    green.seconds = first.seconds
    one, other = Process(store, first), Process(store, green)
    for _ in range(20):
        first.beat(7)
        green.beat(8)
        assert one.is_on() and other.is_on()
    for _ in range(40):  # blue is stopped
        green.beat(8)
        assert other.is_on()
    green.engine.dispose()


def test_another_address_and_another_password_are_the_same_airflow(store: SqlStore, tmp_path: Path) -> None:
    """A pooler, a new host name or a rotated password does not change the identity."""
    with required():
        server = PostgresServer()
    with server:
        url = make_url(server.url(server.create_database()))
        first = Metadata(url.render_as_string(hide_password=False))
        first.run_job(7)
        scheduler = Process(store, first)
        assert scheduler.is_on()
        with first.engine.begin() as connection:
            connection.execute(text("CREATE ROLE other LOGIN SUPERUSER PASSWORD 'new'"))
        moved = replace_url(url, host="localhost", username="other", password="new")
        again = Metadata(moved, is_new=False)
        again.seconds = first.seconds
        restarted = Process(store, again)
        for _ in range(5):
            again.beat(7)
            assert restarted.is_on() and scheduler.is_on()
        for metadata in (first, again):
            metadata.engine.dispose()


def replace_url(url: object, **changes: str) -> str:
    changed = url.set(**changes)  # type: ignore[attr-defined]  # a URL of SQLAlchemy
    return str(changed.render_as_string(hide_password=False))


def test_the_claim_lapses_when_the_first_airflow_is_gone(
    store: SqlStore, first: Metadata, new_metadata: Callable[[], Metadata]
) -> None:
    """A restart does not let it lapse. Once the second one has it, the first one is the second."""
    scheduler = Process(store, first)
    assert scheduler.is_on()
    other = new_metadata()
    other.seconds = 500
    other.run_job(1)
    second = Process(store, other)
    assert not second.is_on()
    let_lapse(store, LAPSE_SECONDS - 60)
    assert not second.is_on()
    let_lapse(store, 120)
    assert second.is_on()
    first.run_job(8)
    assert not Process(store, first).is_on()


def test_a_spoilt_claim_is_replaced(store: SqlStore, first: Metadata) -> None:
    """Another release may write something else there."""
    for jobs in (None, [], "x", [[1]], [["a", "b", "c"]]):
        store.processes.put(ProcessReport(CLAIM, {"jobs": jobs}))
        assert Process(store, first).is_on()
        claim = store.processes.find(CLAIM)
        assert claim is not None and claim.facts["jobs"][0][0] == 7


def test_without_a_job_nothing_is_claimed(store: SqlStore, new_metadata: Callable[[], Metadata]) -> None:
    """There is nothing to tell this Airflow by."""
    assert Process(store, new_metadata()).is_on()
    assert store.processes.find(CLAIM) is None


def test_the_claim_is_not_shown_as_a_process(tmp_path: Path) -> None:
    """It lies among their reports."""
    settings = Settings()
    url = f"sqlite:///{tmp_path / 'plugin.db'}"
    settings = replace(settings, config=replace(settings.config, database_url=url, redis_url=None))
    store = SqlStore.open(url)
    store.processes.put(ProcessReport(CLAIM, {"jobs": []}))
    store.processes.put(ProcessReport("a", {"component": "scheduler"}))
    assert [facts["component"] for facts, _ in recent_reports(settings)] == ["scheduler"]
    store.close()

"""The behaviour of every SQL store beyond the contract. The fixture `url` is an empty database."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, delete, event, inspect, text, update
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from sched_cache.errors import StoreUnavailableError
from sched_cache.store import Content, Publication
from sched_cache.store.sql import SCHEMA_VERSION, Retry, SqlStore, open_engines, tables
from sched_cache.store.sql.calls import calls_of_process
from sched_cache.store.sql.upgrade import bring_up_to_date
from tests.contracts.processes import ProcessesContract
from tests.contracts.store import digest, publication, tombstone
from tests.support.answered import until_answered

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 20.0


@contextmanager
def statements_of(store: SqlStore) -> Iterator[list[str]]:
    """The statements that both engines send in the block."""
    sent: list[str] = []

    def record(connection: object, cursor: object, statement: str, *rest: object) -> None:
        sent.append(" ".join(statement.split()))

    engines = [store._engines.reads, store._engines.writes]
    for engine in engines:
        event.listen(engine, "before_cursor_execute", record)
    store._engines.idle.close()  # a connection that was made before its engine had listeners tells none
    try:
        yield sent
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", record)


def until_true(condition: Callable[[], bool]) -> None:
    """Waits for what another process or a server does in its own time."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it never became true"
        time.sleep(0.02)


class TableContract:
    """Creating and upgrading."""

    def test_many_processes_create_the_tables_once(self, url: str) -> None:
        """First use at the same moment: one creates, all use the same tables."""
        stores = [SqlStore.open(url, lock_timeout_seconds=30.0) for _ in range(6)]
        start = threading.Barrier(len(stores))

        def use(store: SqlStore) -> str:
            start.wait()
            return store.changes_since(0).incarnation

        with ThreadPoolExecutor(len(stores)) as threads:
            assert len(set(threads.map(use, stores))) == 1
        for store in stores:
            store.close()

    def test_creating_again_changes_nothing(self, store: SqlStore) -> None:
        """`init-db` may be run at every deployment."""
        store.publish(publication("sales", "1"))
        before = store.changes_since(0)
        store.init_db()
        assert store.changes_since(0) == before

    def test_missing_tables_are_an_error_where_they_may_not_be_created(self, url: str) -> None:
        """The operator who said so runs `init-db`."""
        store = SqlStore.open(url, create=False)
        with pytest.raises(StoreUnavailableError, match="init-db"):
            store.changes_since(0)
        store.init_db()
        assert store.changes_since(0).pointers == ()
        store.close()

    def test_tables_that_were_dropped_are_made_again(self, store: SqlStore) -> None:
        """By the next call; what is left of the others says nothing without them."""
        for name in ("content", "dag", "acknowledged", "meta"):
            store.publish(publication("sales", "1"))
            before = store.changes_since(0).incarnation
            with store.transaction() as connection:
                connection.exec_driver_sql(f"DROP TABLE sched_cache_{name}")
            store.fresh(0, 10)
            assert bool(store.read_hot(["sales"])) == (name == "meta")
            assert store.publish(publication("sales", "1")).content_hash == digest("1")
            assert store.read_hot(["sales"])["sales"].data == b"hot 1"
            if name != "acknowledged":
                assert store.changes_since(0).incarnation != before

    def test_older_tables_are_upgraded_step_by_step(self, url: str) -> None:
        """Once, in order, whoever comes first."""
        engines, ours = open_engines(url), tables()
        bring_up_to_date(engines, ours, calls_of_process().within(60))
        taken: list[int] = []
        target = SCHEMA_VERSION + 2
        steps = {
            version: lambda connection, _, version=version: taken.append(version)
            for version in range(SCHEMA_VERSION + 1, target + 1)
        }

        def upgrade(_: int) -> None:
            bring_up_to_date(engines, ours, calls_of_process().within(60), target=target, steps=steps)

        with ThreadPoolExecutor(3) as threads:
            list(threads.map(upgrade, range(3)))
        assert taken == [SCHEMA_VERSION + 1, SCHEMA_VERSION + 2]
        engines.dispose()

    def test_newer_tables_are_refused(self, store: SqlStore, url: str) -> None:
        """By a node that was not upgraded yet; it writes nothing."""
        store.init_db()
        with store.transaction() as connection:
            connection.execute(update(tables().meta).values(schema_version=SCHEMA_VERSION + 1))
        late = SqlStore.open(url)
        for use in (late.init_db, lambda: late.token("sales")):
            with pytest.raises(StoreUnavailableError, match=f"schema version {SCHEMA_VERSION + 1}"):
                use()
        late.close()

    def test_a_prefix_is_a_store_of_its_own(self, store: SqlStore, url: str) -> None:
        """Two clusters may share a database."""
        other = SqlStore.open(url, table_prefix="other_")
        store.publish(publication("sales", "1"))
        assert other.changes_since(0).pointers == ()
        names = set(inspect(store._engines.reads).get_table_names())
        assert names == {
            prefix + name
            for prefix in ("sched_cache_", "other_")
            for name in ("meta", "dag", "content", "acknowledged", "process")
        }
        other.close()


class RestoredTablesContract:
    """Backups are not always of one moment."""

    def test_a_counter_that_fell_behind_its_tables_is_raised(self, store: SqlStore) -> None:
        """A number in use, drawn again, would be taken for seen by the feed, or for acknowledged."""
        sequences = [store.publish(publication(key, "1")).parsed_seq for key in ("sales", "hr")]
        ours = tables()
        with store.transaction() as connection:
            connection.execute(update(ours.meta).values(counter=1))
            connection.execute(update(ours.acknowledged).values(acknowledged_seq=sequences[-1] + 5))
        store.new_incarnation(store.changes_since(0).incarnation)
        published = store.publish(publication("sales", "2"))
        assert published.parsed_seq > sequences[-1] + 5
        assert [one.key for one in store.fresh(0, 10).pointers] == ["sales"]

    def test_a_lost_counter_is_an_error(self, store: SqlStore) -> None:
        """Not an empty database."""
        store.publish(publication("sales", "1"))
        with store.transaction() as connection:
            connection.execute(delete(tables().meta))
        for ask in (lambda: store.changes_since(0), lambda: store.fresh(0, 10)):
            with pytest.raises(StoreUnavailableError, match="init-db"):
                ask()
        store.init_db()
        assert store.publish(publication("hr", "1")).parsed_seq > store.token("sales")


class CostContract:
    """How many queries, in which order."""

    def test_an_unchanged_publication_is_one_query(self, store: SqlStore) -> None:
        """And no transaction that writes."""
        published = store.publish(publication("sales", "1"))
        with statements_of(store) as sent:
            store.publish(publication("sales", "1", token=published.parsed_seq))
        assert len(sent) == 1 and sent[0].startswith("SELECT") and "FOR UPDATE" not in sent[0]

    def test_a_certification_is_one_query(self, store: SqlStore) -> None:
        """This holds for any number of DAGs and changes."""
        store.publish_many([publication(f"dag {number}", "1") for number in range(700)])
        with statements_of(store) as sent:
            assert len(store.changes_since(0).pointers) == 700
            assert store.changes_since(700).pointers == ()
            store.fresh(0, 20)
        assert len(sent) == 3

    def test_reads_in_turn_take_the_same_connection(self, store: SqlStore) -> None:
        """A check-out from a pool would cost more than the statement."""
        published = store.publish(publication("sales", "1"))
        taken: list[object] = []
        event.listen(store._engines.reads, "checkout", lambda connection, *rest: taken.append(connection))
        for _ in range(10):
            store.changes_since(published.parsed_seq)
            store.read_pointers(["sales"])
            store.read_hot(["sales"])
        assert taken == []

    def test_many_contents_are_one_query(self, store: SqlStore) -> None:
        """One round trip for 500 DAGs, and nothing of the other part."""
        keys = [f"dag {number}" for number in range(500)]
        store.publish_many([publication(key, "1") for key in keys])
        with statements_of(store) as sent:
            assert len(store.read_hot(keys)) == 500
        assert len(sent) == 1 and "cold" not in sent[0]

    def test_sizes_are_told_without_the_parts(self, store: SqlStore) -> None:
        """In bytes, of those that have a content."""
        store.publish_many([publication("a", "ä"), publication("b", "1"), tombstone("c")])
        assert store.content_sizes(["a", "b", "c", "d"]) == {"a": (6, 7), "b": (5, 6)}

    def test_the_counter_is_the_last_lock(self, store: SqlStore) -> None:
        """Rows and contents come first: whoever holds the counter waits for nobody and sends little."""
        store.publish(publication("b", "1"))
        with statements_of(store) as sent:
            store.publish_many([publication("c", "1"), publication("a", "1"), publication("b", "2")])
        draws = [number for number, one in enumerate(sent) if one.startswith("UPDATE sched_cache_meta")]
        contents = [
            number for number, one in enumerate(sent) if one.startswith("INSERT INTO sched_cache_content")
        ]
        (draw,) = draws
        assert max(contents) < draw
        after = [one for one in sent[draw + 1 :] if not one.startswith("SELECT sched_cache_meta.counter")]
        assert len(after) == 1 and after[0].startswith("INSERT INTO sched_cache_dag")

    def test_contents_of_many_megabytes(self, store: SqlStore) -> None:
        """More than the 64 KB and the 16 MB at which column types of MySQL end."""
        content = Content(os.urandom(1 << 20) * 17, b"cold" * 70_000)
        store.publish(Publication("sales", content, digest("1")))
        assert store.read_hot(["sales"])["sales"].data == content.hot
        assert store.read_cold(["sales"])["sales"].data == content.cold


class HostContract:
    """In the host's own transaction, on the host's own engine."""

    @pytest.fixture
    def host(self, url: str) -> Iterator[Engine]:
        engine = create_engine(url, future=True)
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE runs (dag_id VARCHAR(250))"))
        yield engine
        engine.dispose()

    def test_a_publication_joins_the_hosts_transaction(self, store: SqlStore, host: Engine) -> None:
        """The host's commit or rollback includes the publication."""
        store.init_db()
        with Session(host, future=True) as session:
            session.execute(text("INSERT INTO runs VALUES ('sales')"))
            store.publish(publication("sales", "1", token=0), session.connection())
            session.rollback()
            assert store.token("sales") == 0
            session.execute(text("INSERT INTO runs VALUES ('sales')"))
            store.publish(publication("sales", "1", token=0), session.connection())
            store.publish(tombstone("absent"), session.connection())
            session.commit()
        assert store.read_hot(["sales"])["sales"].data == b"hot 1"

    def test_an_acknowledgement_joins_the_hosts_transaction(self, store: SqlStore, host: Engine) -> None:
        """The effect and the acknowledgement are one."""
        published = store.publish(publication("sales", "1"))
        with host.connect() as connection:
            connection.execute(text("INSERT INTO runs VALUES ('sales')"))
            assert store.acknowledge(connection, "sales", published.parsed_seq)
            connection.rollback()
            assert len(store.fresh(0, 10).pointers) == 1
            connection.execute(text("INSERT INTO runs VALUES ('sales')"))
            assert store.acknowledge(connection, "sales", published.parsed_seq)
            connection.commit()
            assert connection.execute(text("SELECT COUNT(*) FROM runs")).scalar() == 1
        assert store.fresh(0, 10).pointers == ()

    def test_an_effect_is_written_in_the_claims_transaction(self, store: SqlStore, host: Engine) -> None:
        """The connection of `transaction` is SQLAlchemy's."""
        store.publish(publication("sales", "1"))
        with store.transaction() as connection:
            (claimed,) = store.lock_fresh(connection, store.fresh(0, 10).pointers)
            connection.execute(text("INSERT INTO runs VALUES (:key)"), {"key": claimed.key})
            store.acknowledge(connection, claimed.key, claimed.parsed_seq)
        with host.connect() as connection:
            assert connection.execute(text("SELECT dag_id FROM runs")).scalars().all() == ["sales"]

    def test_a_mistake_of_the_caller_stays_what_it_is(self, store: SqlStore) -> None:
        """Only the store's own statements are mapped to errors of the store."""
        store.init_db()
        with pytest.raises(Exception, match="no_such_table") as mistake, store.transaction() as connection:
            connection.execute(text("SELECT * FROM no_such_table"))
        assert not isinstance(mistake.value, StoreUnavailableError)
        store.publish(publication("sales", "1"))


class FaultContract:
    """Publishers that hang, processes that die, children that live on."""

    def test_a_publisher_that_hangs_delays_others_for_a_bounded_time(self, store: SqlStore, url: str) -> None:
        """They give up with an error, nothing is half done, and they succeed once it is gone."""
        patient = SqlStore(open_engines(url, lock_timeout_seconds=1), tables(), retry=Retry(attempts=2))
        with store.transaction() as connection:
            store.publish(publication("slow", "1"), connection)
            began = time.monotonic()
            with pytest.raises(StoreUnavailableError):
                patient.publish(publication("fast", "1"))
            assert time.monotonic() - began < PATIENCE_SECONDS
        assert patient.token("fast") == 0
        assert until_answered(lambda: patient.publish(publication("fast", "1"))).changed
        patient.close()

    @pytest.mark.parametrize("has_child", [False, True])
    def test_a_killed_process_loses_its_claims(self, store: SqlStore, url: str, has_child: bool) -> None:
        """At once, and also when a child it had forked lives on."""
        store.publish(publication("sales", "1"))
        page = store.fresh(0, 10)
        command = [
            sys.executable,
            "-m",
            "tests.unit.store.sql.claim_holder",
            url,
            *(["fork"] if has_child else []),
        ]
        holder = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert holder.stdout is not None
        child = 0
        try:
            child = int(holder.stdout.readline())
            assert not self._is_lockable(url, page.pointers)
            holder.send_signal(signal.SIGKILL)
            holder.wait()
            until_true(lambda: self._is_lockable(url, page.pointers))
            if child:
                os.kill(child, 0)  # it is alive
        finally:
            holder.kill()
            holder.wait()
            if child:
                os.kill(child, signal.SIGKILL)
            holder.stdout.close()

    def test_a_forked_child_has_connections_of_its_own(self, store: SqlStore, url: str) -> None:
        """It reads, writes and ends without touching what the parent has open."""
        store.publish(publication("sales", "1"))
        # Python 3.12 warns of any fork beside threads; that none of ours is in the middle of something is tested here.
        ignored = "ignore:This process:DeprecationWarning"
        command = [sys.executable, "-W", ignored, "-m", "tests.unit.store.sql.forked_reader", url]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
        assert (done.returncode, done.stderr) == (0, "")
        assert {one.key for one in store.changes_since(0).pointers} == {"sales", "parent", "child"}

    @staticmethod
    def _is_lockable(url: str, pointers: object) -> bool:
        store = SqlStore(open_engines(url, lock_timeout_seconds=1), tables(), retry=Retry(attempts=1))
        try:
            with store.transaction() as connection:
                return bool(store.lock_fresh(connection, pointers))  # type: ignore[arg-type]
        except StoreUnavailableError:
            return False
        finally:
            store.close()


class SqlStoreContract(
    TableContract, RestoredTablesContract, CostContract, HostContract, FaultContract, ProcessesContract
):
    """Everything that holds on every database."""

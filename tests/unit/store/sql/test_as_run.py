"""Databases as they are run: settings, rights, refusals and foreign tables that a site may have."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from sqlalchemy.engine import make_url

from sched_cache.cli.database_examination import examine_database
from sched_cache.config import Config
from sched_cache.errors import StoreUnavailableError
from sched_cache.store.sql import SqlStore
from sched_cache.store.sql.failures import Failure
from sched_cache.store.sql.processes import ProcessReport
from tests.contracts.sql_store import until_true
from tests.contracts.store import digest, publication
from tests.support.answered import until_answered
from tests.support.servers import MariadbServer, PostgresServer, required

TABLES = ("meta", "dag", "content", "acknowledged", "process")
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Site:
    """A database with our tables and one publication in it, as a user without special rights finds it."""

    server: PostgresServer | MariadbServer
    database: str
    user: str
    url: str
    owner_url: str

    @property
    def is_postgresql(self) -> bool:
        return isinstance(self.server, PostgresServer)

    def set(self, setting: str) -> None:
        """A setting of each new session of the user."""
        self.server.execute(f"ALTER ROLE {self.user} SET {setting}")

    def in_database(self, *statements: str) -> None:
        for statement in statements:
            self.server.execute(statement.format(user=self.user), self.database)

    def end_sessions(self) -> None:
        if self.is_postgresql:
            self.server.execute(
                f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{self.user}'"
            )
            return
        query = f"SELECT id FROM information_schema.processlist WHERE user = '{self.user}'"
        for number in self.server.execute(query).split():
            self.server.execute(f"KILL {number}")

    def findings(self) -> list[str]:
        """The advice of `doctor` for what is not well."""
        found = examine_database(Config(database_url=self.url, redis_url=None))
        return [finding.advice for finding in found if not finding.is_well]


def site(server: PostgresServer | MariadbServer, database: str) -> Site:
    owner_url = server.url(database)
    store = SqlStore.open(owner_url)
    store.publish(publication("sales", "0"))
    store.close()
    user = f"site_{next(_numbers)}"
    if isinstance(server, PostgresServer):
        server.execute(f"CREATE ROLE {user} LOGIN PASSWORD 'one'")
        server.execute(
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {user}", database
        )
    else:
        server.execute(f"CREATE USER {user} IDENTIFIED BY 'one'")
        server.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, INDEX ON {database}.* TO {user}")
    url = make_url(owner_url).set(username=user, password="one")
    return Site(server, database, user, url.render_as_string(hide_password=False), owner_url)


@pytest.fixture
def postgres_site(postgres_server: PostgresServer) -> Iterator[Site]:
    database = postgres_server.create_database()
    found = site(postgres_server, database)
    yield found
    postgres_server.drop_database(database)
    postgres_server.execute(f"DROP ROLE {found.user}")


@pytest.fixture
def mariadb_site(mariadb_server: MariadbServer) -> Iterator[Site]:
    database = mariadb_server.create_database()
    yield site(mariadb_server, database)
    mariadb_server.drop_database(database)


@pytest.fixture(params=["postgres_site", "mariadb_site"])
def any_site(request: pytest.FixtureRequest) -> Site:
    found: Site = request.getfixturevalue(request.param)
    return found


def claim_all(store: SqlStore) -> int:
    """How many fresh keys were claimed and acknowledged."""
    page = store.fresh(0, 100)
    with store.transaction() as connection:
        taken = store.lock_fresh(connection, page.pointers)
        return sum(store.acknowledge(connection, one.key, one.parsed_seq) for one in taken)


def use(store: SqlStore, text: str) -> None:
    """Each kind of call, once, with its answer."""
    assert store.publish(publication("sales", text)).changed
    assert store.read_hot(["sales"])["sales"].data == f"hot {text}".encode()
    assert claim_all(store) >= 1
    assert store.fresh(0, 10).pointers == ()
    store.processes.put(ProcessReport("a", {}))
    assert [report.key for report in store.processes.recent(100)] == ["a"]


WRITES: tuple[Callable[[SqlStore], object], ...] = (
    lambda store: store.publish(publication("sales", "written")),
    lambda store: store.processes.put(ProcessReport("a", {})),
)


def refused(store: SqlStore, *calls: Callable[[SqlStore], object]) -> None:
    """Each of `calls` fails with the one error that callers expect."""
    for call in calls:
        with pytest.raises(StoreUnavailableError):
            call(store)


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The warnings of the database, none of them with a traceback."""
    records = [record for record in caplog.records if record.name == "sched_cache.database"]
    assert not any(record.exc_info for record in records)
    return [record.getMessage() for record in records if record.levelno >= logging.WARNING]


SETTINGS = (
    "default_transaction_isolation = 'serializable'",
    "default_transaction_isolation = 'repeatable read'",
    "lock_timeout = 1",
    "session_replication_role = 'replica'",
    "search_path = nowhere, public",
    "default_transaction_deferrable = on",
    "idle_in_transaction_session_timeout = 5000",
    "standard_conforming_strings = off",
    "bytea_output = 'escape'",
    "DateStyle = 'German'",
    "client_encoding = 'LATIN1'",
)


@pytest.mark.parametrize("setting", SETTINGS)
def test_settings_of_the_user_change_no_answer(postgres_site: Site, setting: str) -> None:
    """They are those of each new session."""
    postgres_site.set(setting)
    store = SqlStore.open(postgres_site.url)
    use(store, "1")
    store.close()
    assert postgres_site.findings() == []


MODES = (
    "tx_isolation = 'SERIALIZABLE'",
    "tx_isolation = 'REPEATABLE-READ'",
    "sql_mode = 'ANSI,TRADITIONAL,NO_BACKSLASH_ESCAPES'",
    "sql_mode = ''",
    "character_set_server = 'utf8mb3'",
    "autocommit = 0",
)


@pytest.mark.parametrize("mode", MODES)
def test_modes_of_the_server_change_no_answer(mariadb_server: MariadbServer, mode: str) -> None:
    """Those in which its tables are made, too."""
    name = mode.split(" ")[0]
    before = mariadb_server.execute(f"SELECT @@GLOBAL.{name}")
    mariadb_server.execute(f"SET GLOBAL {mode}")
    database = mariadb_server.create_database()
    try:
        store = SqlStore.open(mariadb_server.url(database))
        use(store, "it's \\ % \"")
        store.close()
    finally:
        mariadb_server.execute(f"SET GLOBAL {name} = " + (before if before.isdigit() else f"'{before}'"))
        mariadb_server.drop_database(database)


@pytest.mark.parametrize("isolation", ["serializable", "repeatable read"])
def test_no_publication_is_lost_between_publishers(any_site: Site, isolation: str) -> None:
    """Four publishers and two readers, whatever isolation sessions begin with: the feed misses nothing."""
    n_each = 25
    if any_site.is_postgresql:
        any_site.set(f"default_transaction_isolation = '{isolation}'")
    else:
        any_site.server.execute(f"SET GLOBAL tx_isolation = '{isolation.replace(' ', '-')}'")

    def publish(number: int) -> list[int]:
        store = SqlStore.open(any_site.url, lock_timeout_seconds=30.0)
        found: list[int] = [
            store.publish(publication(f"k{n % 5}", f"{number}-{n}")).parsed_seq for n in range(n_each)
        ]
        store.close()
        return found

    def read(stop: list[bool]) -> dict[str, int]:
        store = SqlStore.open(any_site.url, lock_timeout_seconds=30.0)
        cursor = 0
        seen: dict[str, int] = {}
        while True:
            is_last = bool(stop)
            changes = store.changes_since(cursor)
            assert changes.counter >= cursor
            seen.update((one.key, one.parsed_seq) for one in changes.pointers)
            cursor = changes.counter
            if is_last:
                store.close()
                return seen

    stop: list[bool] = []
    try:
        with ThreadPoolExecutor(6) as threads:
            readers = [threads.submit(read, stop) for _ in range(2)]
            try:
                drawn = [seq for found in threads.map(publish, range(4)) for seq in found]
            finally:
                stop.append(True)
            seen = [reader.result() for reader in readers]
    finally:
        if not any_site.is_postgresql:
            any_site.server.execute("SET GLOBAL tx_isolation = 'REPEATABLE-READ'")
    store = SqlStore.open(any_site.owner_url)
    now = {
        key: pointer.parsed_seq for key, pointer in store.read_pointers([f"k{n}" for n in range(5)]).items()
    }
    store.close()
    assert len(set(drawn)) == 4 * n_each
    for one in seen:
        assert {key: seq for key, seq in one.items() if key != "sales"} == now


@pytest.mark.parametrize("table", TABLES)
def test_a_right_that_is_missing_is_said_once(
    any_site: Site, table: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Reads go on; what needs the right is refused, and `doctor` names the table."""
    if any_site.is_postgresql:
        any_site.in_database(f"REVOKE INSERT, UPDATE ON sched_cache_{table} FROM {{user}}")
    else:
        any_site.in_database(f"REVOKE ALL ON {any_site.database}.* FROM {{user}}")
        for other in TABLES:
            rights = "SELECT" if other == table else "SELECT, INSERT, UPDATE, DELETE"
            any_site.in_database(f"GRANT {rights} ON {any_site.database}.sched_cache_{other} TO {{user}}")
    store = SqlStore.open(any_site.url)
    for n in range(3):
        calls = WRITES[1:] if table == "process" else (claim_all,) if table == "acknowledged" else WRITES[:1]
        refused(store, *calls)
        assert store.token("sales") > 0, n
    store.close()
    (line,) = said(caplog)
    assert Failure.FORBIDDEN.value in line
    assert "grant the user of this URL all four on every table" in any_site.findings()


def test_tables_that_the_user_may_not_create_are_said_once(
    postgres_site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    """By reads and writes together, and healed by `init-db` of the owner."""
    postgres_site.in_database(*(f"DROP TABLE sched_cache_{table}" for table in TABLES))
    store = SqlStore.open(postgres_site.url)
    refused(store, lambda store: store.token("sales"), claim_all, *WRITES)
    (line,) = said(caplog)
    assert Failure.FORBIDDEN.value in line
    (advice,) = postgres_site.findings()
    assert "as a user that may" in advice
    owner = SqlStore.open(postgres_site.owner_url)
    owner.init_db()
    owner.close()
    postgres_site.in_database("GRANT ALL ON ALL TABLES IN SCHEMA public TO {user}")
    until_answered(lambda: use(store, "1"))
    store.close()


@pytest.mark.parametrize("table", TABLES)
def test_a_view_over_the_table_is_as_good(postgres_site: Site, table: str) -> None:
    """Where its rows can be written."""
    name = f"sched_cache_{table}"
    postgres_site.in_database(
        f"ALTER TABLE {name} RENAME TO kept", f"CREATE VIEW {name} AS SELECT * FROM kept"
    )
    postgres_site.in_database(f"GRANT ALL ON {name} TO {{user}}")
    store = SqlStore.open(postgres_site.url)
    use(store, "1")
    store.close()


OTHERS = {
    "columns": "CREATE TABLE {name} (id INTEGER)",
    "view": "CREATE VIEW {name} AS SELECT 1 AS id",
}


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("table", TABLES)
def test_a_table_of_another_owner_is_said_once(
    any_site: Site, table: str, other: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It is neither used nor touched; the advice is not to make it, for it is there."""
    name = f"sched_cache_{table}"
    any_site.in_database(f"DROP TABLE {name}", OTHERS[other].format(name=name))
    if any_site.is_postgresql:
        any_site.in_database(f"GRANT ALL ON {name} TO {{user}}")
    store = SqlStore.open(any_site.url)
    for _ in range(2):
        calls = WRITES[1:] if table == "process" else (claim_all,) if table == "acknowledged" else WRITES[:1]
        refused(store, *calls)
    store.close()
    assert len(said(caplog)) == 1 and Failure.FOREIGN.value in said(caplog)[0]
    assert any_site.findings() == [Failure.FOREIGN.value]
    any_site.in_database(f"DROP {'VIEW' if other == 'view' else 'TABLE'} {name}")


def test_a_database_that_takes_no_writes_is_read(any_site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """A standby, or one that an operator keeps as it is; writes go on when they are taken again."""
    caplog.set_level(logging.INFO, "sched_cache.database")
    store = SqlStore.open(any_site.url)
    use(store, "1")
    read_only(any_site, True)
    for _ in range(3):
        refused(store, *WRITES)
        assert store.token("sales") > 0
    assert any_site.findings() == [Failure.READ_ONLY.value]
    (line,) = said(caplog)
    assert Failure.READ_ONLY.value in line
    read_only(any_site, False)
    until_answered(lambda: use(store, "2"))
    store.close()


def read_only(any_site: Site, is_on: bool) -> None:
    if any_site.is_postgresql:
        any_site.set(f"default_transaction_read_only = {'on' if is_on else 'off'}")
        any_site.end_sessions()
    else:
        any_site.server.execute(f"SET GLOBAL read_only = {int(is_on)}")


def crowded(any_site: Site, is_over: bool) -> None:
    if any_site.is_postgresql:
        any_site.server.execute(f"ALTER ROLE {any_site.user} CONNECTION LIMIT {-1 if is_over else 0}")
    else:
        # 0 is no limit, so one connection stays: the one of the test.
        any_site.server.execute(f"ALTER USER {any_site.user} WITH MAX_USER_CONNECTIONS {0 if is_over else 1}")


def renamed(any_site: Site, is_over: bool) -> None:
    """The user, for MariaDB cannot rename a database."""
    if any_site.is_postgresql:
        any_site.end_sessions()
        names = (any_site.database, any_site.database + "_gone")
        old, new = reversed(names) if is_over else names
        any_site.server.execute(f"ALTER DATABASE {old} RENAME TO {new}")
    else:
        names = (any_site.user, any_site.user + "_gone")
        old, new = reversed(names) if is_over else names
        any_site.server.execute(f"RENAME USER {old} TO {new}")


def locked_out(any_site: Site, is_over: bool) -> None:
    if any_site.is_postgresql:
        any_site.server.execute(f"ALTER ROLE {any_site.user} {'LOGIN' if is_over else 'NOLOGIN'}")
    else:
        password = "one" if is_over else "two"
        any_site.server.execute(f"ALTER USER {any_site.user} IDENTIFIED BY '{password}'")


REFUSALS: dict[Callable[[Site, bool], None], Failure] = {
    crowded: Failure.CROWDED,
    renamed: Failure.REFUSED,
    locked_out: Failure.REFUSED,
}


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_server_that_refuses_is_asked_again_later(
    any_site: Site, refusal: Callable[[Site, bool], None], caplog: pytest.LogCaptureFixture
) -> None:
    """Said once with what to do, and used again soon after it lets us in."""
    store = SqlStore.open(any_site.url)
    use(store, "1")
    holder = SqlStore.open(any_site.url)
    refusal(any_site, False)
    any_site.end_sessions()
    if refusal is crowded and not any_site.is_postgresql:
        holder.token("sales")
    for _ in range(3):
        refused(store, lambda store: store.token("sales"), *WRITES)
    (line,) = said(caplog)
    assert REFUSALS[refusal].value in line
    assert any_site.findings() == [REFUSALS[refusal].value]
    refusal(any_site, True)
    holder.close()
    until_answered(lambda: store.token("sales"))
    until_answered(lambda: store.publish(publication("sales", "2")))
    store.close()


def test_a_password_that_was_changed_is_refused_until_it_is_changed_back() -> None:
    """Not tried again and again, which may lock the account."""
    with required():
        server = PostgresServer()
    with server:
        found = site(server, "postgres")
        rules = server.folder / "data" / "pg_hba.conf"
        rules.write_text(f"host all {found.user} 127.0.0.1/32 scram-sha-256\n" + rules.read_text())
        server.execute("SELECT pg_reload_conf()")
        store = SqlStore.open(found.url)
        use(store, "1")
        server.execute(f"ALTER ROLE {found.user} PASSWORD 'two'")
        found.end_sessions()
        before = server.log().count("password authentication failed")
        refused(store, lambda store: store.token("sales"), lambda store: store.token("sales"))
        # The driver itself tries once with encryption and once without.
        assert server.log().count("password authentication failed") - before <= 2
        assert found.findings() == [Failure.REFUSED.value]
        server.execute(f"ALTER ROLE {found.user} PASSWORD 'one'")
        until_answered(lambda: use(store, "2"))
        store.close()


def test_a_database_that_was_dropped_and_made_again_is_filled_again(any_site: Site) -> None:
    """It is another history."""
    store = SqlStore.open(any_site.owner_url)
    before = store.changes_since(0).incarnation
    any_site.server.drop_database(any_site.database)
    refused(store, lambda store: store.token("sales"))
    any_site.server.execute(f"CREATE DATABASE {any_site.database}")
    assert until_answered(lambda: store.token("sales")) == 0
    until_answered(lambda: store.publish(publication("sales", "0")))
    assert store.changes_since(0).incarnation != before
    store.close()


def test_a_transaction_that_the_server_ends_is_an_outage(any_site: Site) -> None:
    """Also for a caller that goes on after the error: what it did is not taken for committed."""
    store = SqlStore.open(any_site.url)
    store.publish(publication("hr", "1"))
    (pointer,) = (one for one in store.fresh(0, 10).pointers if one.key == "hr")
    with pytest.raises(StoreUnavailableError), store.transaction() as connection:
        store.lock_fresh(connection, [pointer])
        any_site.end_sessions()
        with pytest.raises(StoreUnavailableError):
            store.acknowledge(connection, "hr", pointer.parsed_seq)
    assert "hr" in {one.key for one in until_answered(lambda: store.fresh(0, 10)).pointers}
    until_answered(lambda: claim_all(store))
    store.close()


def test_a_transaction_that_was_idle_for_too_long_is_an_outage(postgres_site: Site) -> None:
    """The claim is anybody's again."""
    postgres_site.set("idle_in_transaction_session_timeout = 100")
    store = SqlStore.open(postgres_site.url)
    page = store.fresh(0, 10)
    with pytest.raises(StoreUnavailableError), store.transaction() as connection:
        store.lock_fresh(connection, page.pointers)
        sessions = f"FROM pg_stat_activity WHERE usename = '{postgres_site.user}'"
        query = f"SELECT count(*) {sessions} AND state LIKE 'idle in%'"
        until_true(lambda: postgres_site.server.execute(query) == "0")
        store.acknowledge(connection, "sales", page.pointers[0].parsed_seq)
    assert store.fresh(0, 10).pointers == page.pointers
    store.close()


def test_a_row_that_another_transaction_holds_costs_its_key_alone(any_site: Site) -> None:
    """The publisher is told in time, and the others are not left out."""
    store = SqlStore.open(any_site.url, lock_timeout_seconds=2.0)
    other = SqlStore.open(any_site.url)
    page = other.fresh(0, 10)
    store.publish(publication("hr", "0"))
    with other.transaction() as connection:
        other.publish(publication("sales", "1"), connection)
        refused(store, lambda store: store.publish(publication("sales", "2")))
        assert store.token("sales") == page.pointers[0].parsed_seq
        with store.transaction():  # Writes are not left alone.
            pass
    assert store.publish(publication("sales", "2")).content_hash == digest("2")
    store.close()
    other.close()

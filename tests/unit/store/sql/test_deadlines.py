"""A database that is slow, silent or gone costs a call its deadline, and the calls after it nothing."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from sched_cache.errors import StoreUnavailableError
from sched_cache.stats.counters import DatabaseCounters
from sched_cache.store.sql import SqlStore
from sched_cache.store.sql.calls import calls_of_process
from sched_cache.store.sql.slow_threads import N_THREADS
from tests.contracts.store import publication
from tests.support.answered import HEALED_SECONDS, until_answered
from tests.support.proxy import Proxy
from tests.support.servers import MariadbServer, PostgresServer
from tests.support.servers.black_hole import black_hole
from tests.support.servers.process import pause_process

TIMEOUT_SECONDS = 1.0
LONGEST_SECONDS = 2.5
"""The limit for a call with that deadline on a busy machine. Without a deadline, each call here takes at least ten."""


class Slow:
    """A store behind a proxy, with tables, and what it counts."""

    def __init__(self, url: str) -> None:
        target = make_url(url)
        assert target.port is not None
        self.proxy = Proxy(target.port)
        self.direct_url = url
        self.counters = DatabaseCounters()
        direct = SqlStore.open(url)  # Creating tables takes its time on a busy machine.
        direct.init_db()
        direct.close()
        self.store = SqlStore.open(
            target.set(port=self.proxy.port).render_as_string(hide_password=False),
            lock_timeout_seconds=TIMEOUT_SECONDS,
            connect_timeout_seconds=1,
            counters=self.counters,
        )
        until_answered(lambda: self.store.publish(publication("sales", "1")))

    def close(self) -> None:
        self.proxy.close()
        self.store.close()


@pytest.fixture(params=["postgres_url", "mariadb_url"])
def slow(request: pytest.FixtureRequest) -> Iterator[Slow]:
    slow = Slow(request.getfixturevalue(request.param))
    yield slow
    slow.close()


def seconds_of(call: Callable[[], object]) -> float:
    """How long `call` takes to fail."""
    began = time.monotonic()
    with pytest.raises(StoreUnavailableError):
        call()
    return time.monotonic() - began


TROUBLES: dict[str, Callable[[Proxy], None]] = {
    "silent": lambda proxy: proxy.stop(),
    "late": lambda proxy: proxy.delay(20),
    "trickling": lambda proxy: proxy.trickle(1, 0.2),
    "refusing": lambda proxy: proxy.refuse(),
    "resetting": lambda proxy: proxy.reset(),
}
CALLS: dict[str, Callable[[SqlStore], object]] = {
    "token": lambda store: store.token("sales"),
    "certification": lambda store: store.changes_since(0),
    "contents": lambda store: store.read_hot(["sales"]),
    "claim": lambda store: store.transaction().__enter__(),
    "publication": lambda store: store.publish(publication("hr", "1")),
    "incarnation": lambda store: store.new_incarnation("x"),
}


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("is_connected", [True, False])
def test_each_call_ends_at_its_deadline(slow: Slow, trouble: str, is_connected: bool) -> None:
    """Also the one that has to connect first, and whatever arrives meanwhile."""
    if not is_connected:
        slow.proxy.cut()
        slow.store.close()
    TROUBLES[trouble](slow.proxy)
    for call in CALLS.values():
        assert seconds_of(lambda call=call: call(slow.store)) < LONGEST_SECONDS  # type: ignore[misc]
    slow.proxy.close()


def test_a_claim_whose_connection_broke_ends_with_an_error_of_ours(slow: Slow) -> None:
    """Also where the caller went on after the statement that failed: nothing of the claim was committed."""
    page = slow.store.fresh(0, 10)
    with pytest.raises(StoreUnavailableError), slow.store.transaction() as connection:
        (claimed,) = slow.store.lock_fresh(connection, page.pointers)
        slow.proxy.reset()
        with pytest.raises(StoreUnavailableError):
            slow.store.acknowledge(connection, "sales", claimed.parsed_seq)
    slow.proxy.forward()
    assert until_answered(lambda: slow.store.fresh(0, 10)) == page


def test_the_calls_after_a_failure_cost_nothing(slow: Slow) -> None:
    """A database in trouble is asked now and then, by one call."""
    slow.proxy.stop()
    seconds_of(lambda: slow.store.token("sales"))
    began = time.monotonic()
    for _ in range(200):
        seconds_of(lambda: slow.store.token("sales"))
    assert time.monotonic() - began < 2 * LONGEST_SECONDS  # one probe or two
    assert slow.counters.skipped >= 190 and slow.counters.left_alone == 1


@pytest.mark.parametrize("seconds", [-1.0, 0.0, 0.001, 0.005])
def test_a_call_without_time_says_nothing_of_the_database(
    slow: Slow, seconds: float, caplog: pytest.LogCaptureFixture
) -> None:
    """Another tier has used up the time of its caller. The call fails, and the next one is made."""
    slow.proxy.delay(0.1)
    for _ in range(3):
        with pytest.raises(StoreUnavailableError), calls_of_process().within(seconds):
            slow.store.token("sales")
    slow.proxy.forward()
    assert slow.counters.left_alone == slow.counters.skipped == 0
    assert not caplog.records
    assert slow.store.token("sales") > 0
    slow.proxy.stop()
    with pytest.raises(StoreUnavailableError), calls_of_process().within(0.05):
        slow.store.token("sales")
    assert slow.counters.left_alone == 1


def test_a_database_that_is_well_again_is_used_again(slow: Slow, caplog: pytest.LogCaptureFixture) -> None:
    """Within seconds, by the same store; the log has its beginning and its end."""
    caplog.set_level(logging.INFO, "sched_cache.database")
    slow.proxy.stop()
    for _ in range(20):
        seconds_of(lambda: slow.store.token("sales"))
    slow.proxy.forward()
    assert until_answered(lambda: slow.store.token("sales")) > 0
    deadline = time.monotonic() + HEALED_SECONDS
    while len(caplog.records) < 2 and time.monotonic() < deadline:
        until_answered(lambda: slow.store.token("sales"))
        time.sleep(0.1)
    first, last = caplog.messages
    assert "cannot be read" in first and "To do" in first
    assert "can be read again" in last
    assert not any(record.exc_info for record in caplog.records)


def test_many_connections_that_hang_use_few_threads(slow: Slow) -> None:
    """Each is given up with its thread; with all of them stuck the next call fails at once or when its time is over."""
    slow.proxy.cut()
    slow.store.close()
    slow.proxy.stop()
    with ThreadPoolExecutor(20) as callers:
        lasted = list(
            callers.map(lambda _: seconds_of(lambda: slow.store.publish(publication("hr", "1"))), range(20))
        )
        assert max(lasted) < LONGEST_SECONDS
        ours = [thread for thread in threading.enumerate() if thread.name == "sched-cache-connect"]
        assert len(ours) <= N_THREADS


def test_no_other_socket_is_shut_down(slow: Slow) -> None:
    """The driver closes its socket at its own time, and the system gives the number to somebody else."""
    with slow.store._engines.reads.connect() as connection:
        line = connection.info["sched_cache line"]
        driver: object = connection.connection.dbapi_connection
        assert driver is not None
        connection.invalidate()
    opened = [socket.socketpair() for _ in range(20)]
    try:
        numbers = {end.fileno() for pair in opened for end in pair}
        assert line.descriptor in numbers
        line.cut()
        for one, other in opened:
            one.send(b"x")
            assert other.recv(1) == b"x"
    finally:
        for pair in opened:
            for end in pair:
                end.close()


def test_a_table_that_is_locked_ends_reads_at_their_deadline(postgres_url: str) -> None:
    """An operator's `LOCK TABLE`, `VACUUM FULL`, `REINDEX`. The connection lives on: the server was asked to stop."""
    store = SqlStore.open(postgres_url, lock_timeout_seconds=TIMEOUT_SECONDS)
    store.publish(publication("sales", "1"))
    store.token("sales")
    operator = create_engine(postgres_url, future=True)
    with operator.begin() as holder:
        holder.execute(text("LOCK TABLE sched_cache_dag IN ACCESS EXCLUSIVE MODE"))
        assert seconds_of(lambda: store.token("sales")) < LONGEST_SECONDS
        assert seconds_of(lambda: store.publish(publication("sales", "2"))) < LONGEST_SECONDS
        waiting = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        with operator.connect() as observer:
            assert (
                observer.execute(waiting).scalar() == 0
            )  # nothing of ours is left in the queue for the lock
    assert until_answered(lambda: store.token("sales")) > 0
    store.close()
    operator.dispose()


def test_a_frozen_backend_ends_a_call_at_its_deadline(
    postgres_server: PostgresServer, postgres_url: str
) -> None:
    """Its kernel accepts every packet, so no setting of the network notices anything."""
    store = SqlStore.open(postgres_url, lock_timeout_seconds=TIMEOUT_SECONDS)
    store.publish(publication("sales", "1"))
    store.token("sales")
    name = make_url(postgres_url).database
    found = postgres_server.execute(f"SELECT pid FROM pg_stat_activity WHERE datname = '{name}'")
    backends = [int(pid) for pid in found.split()]
    assert backends
    for pid in backends:
        pause_process(pid)
    try:
        assert seconds_of(lambda: store.token("sales")) < LONGEST_SECONDS
    finally:
        for pid in backends:
            os.kill(pid, signal.SIGCONT)
    assert until_answered(lambda: store.token("sales")) > 0
    store.close()


def test_a_port_behind_which_nobody_answers(mariadb_server: MariadbServer) -> None:
    """A firewall. The driver of PostgreSQL waits two seconds at least, and for each address of the name again."""
    for scheme in ("postgresql", "mysql+pymysql"):
        with black_hole() as port:
            store = SqlStore.open(f"{scheme}://user@127.0.0.1:{port}/x", lock_timeout_seconds=0.2)
            assert seconds_of(lambda: store.token("sales")) < 1.5  # noqa: B023 - called at once
            began = time.monotonic()
            for _ in range(100):
                seconds_of(lambda: store.token("sales"))  # noqa: B023
            assert time.monotonic() - began < 1.5
            store.close()


def test_a_hosts_connection_keeps_its_settings(postgres_url: str) -> None:
    """Only our own calls are limited: an open transaction of the caller keeps its settings."""
    store = SqlStore.open(postgres_url, lock_timeout_seconds=TIMEOUT_SECONDS)
    store.init_db()
    host = create_engine(postgres_url, future=True)
    names = ("lock_timeout", "statement_timeout", "default_transaction_isolation", "search_path")
    with host.begin() as connection:
        before = [connection.execute(text(f"SHOW {name}")).scalar() for name in names]
        store.publish(publication("sales", "1"), connection)
        assert [connection.execute(text(f"SHOW {name}")).scalar() for name in names] == before
    assert socket.getdefaulttimeout() is None
    store.close()
    host.dispose()


def test_a_child_has_deadlines_of_its_own(slow: Slow) -> None:
    """The thread that keeps them is not in a forked child."""
    slow.store.token("sales")
    slow.proxy.stop()
    child = os.fork()
    if not child:
        began = time.monotonic()
        try:
            slow.store.token("sales")
        except StoreUnavailableError:
            os._exit(0 if time.monotonic() - began < LONGEST_SECONDS else 1)
        finally:
            os._exit(2)
    deadline = time.monotonic() + 5 * LONGEST_SECONDS
    status = (0, 0)
    while not status[0] and time.monotonic() < deadline:
        status = os.waitpid(child, os.WNOHANG)
        time.sleep(0.05)
    if not status[0]:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert status == (child, 0)

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NoReturn, cast

import pytest
import redis
from redis.exceptions import ClusterDownError, RedisClusterException

from sched_cache.config import Config, RedisUrl, parse_redis_url
from sched_cache.config.redis_url import Topology
from sched_cache.errors import RedisUnavailableError
from sched_cache.stats import RedisCounters
from sched_cache.store.breaker import CLOSED, HALF_OPEN, OPEN
from sched_cache.store.budget import Budget
from sched_cache.store.redis.commands import Client
from sched_cache.store.redis.gate import Gate
from sched_cache.store.redis.link import Link
from tests.support.clock import ManualClock


class FakeClient:
    """Answers the probe, unless it is told to fail."""

    error: Exception | None = None

    def get(self, key: str) -> None:
        if self.error:
            raise self.error


class Rig:
    """A link whose commands are functions of the test."""

    def __init__(self, url: str) -> None:
        self.url = parse_redis_url(url)
        self.clock = ManualClock()
        self.counters = RedisCounters()
        self.attempts: list[int] = []
        self.connect_error: Exception | None = None
        self.before_connect: Callable[[], object] = bool
        self.client = FakeClient()
        config = Config(redis_url=url)
        budget = Budget(self.clock, 10.0)
        self.link = Link(config, self.clock, self.counters, budget, random.Random(1), self.connect)
        self.breaker = self.link.breaker

    def connect(self, url: RedisUrl, timeout_seconds: float, attempt: int) -> Client:
        self.attempts.append(attempt)
        self.before_connect()
        if self.connect_error:
            raise self.connect_error
        return cast(Client, self.client)

    def fail(self, error: BaseException, gate: Gate | None = None) -> None:
        with pytest.raises(RedisUnavailableError):
            self.link.run(failing(error), 1, gate)

    def probe(self) -> None:
        """Waits out the back-off, and for the probe that the next caller starts."""
        self.clock.now += 4
        with pytest.raises(RedisUnavailableError):
            self.link.run(lambda _: pytest.fail("asked"))
        deadline = time.monotonic() + 10
        while self.breaker.state == HALF_OPEN:
            assert time.monotonic() < deadline
            time.sleep(0.001)


def failing(error: BaseException) -> Callable[[Any], NoReturn]:
    def command(_: Client) -> NoReturn:
        raise error

    return command


@pytest.fixture
def rig(request: pytest.FixtureRequest) -> Rig:
    return Rig(getattr(request, "param", "redis://cache"))


@pytest.mark.parametrize(
    "error",
    [
        redis.ConnectionError("refused"),
        redis.TimeoutError("silent"),
        redis.AuthenticationError("invalid password"),
        redis.BusyLoadingError("loading"),
        redis.InvalidResponse("Protocol Error"),
        ClusterDownError("CLUSTERDOWN"),
        RedisClusterException("no node"),
        OSError("network"),
        ValueError("invalid literal for int(): HTTP/1.1"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_no_answer_is_told_and_opens_the_breaker(rig: Rig, error: Exception) -> None:
    """This holds for any error class of redis-py. After three in a row, Redis is not asked."""
    for _ in range(3):
        rig.fail(error)
    assert rig.breaker.state == OPEN
    with pytest.raises(RedisUnavailableError):
        rig.link.run(lambda _: pytest.fail("asked"))
    assert (rig.counters.errors, rig.counters.skipped, rig.counters.breaker_opened) == (3, 1, 1)


WRITE_REFUSALS = [
    redis.ResponseError("OOM command not allowed when used memory > 'maxmemory'."),
    redis.ResponseError("MISCONF Redis is configured to save RDB snapshots"),
    redis.ResponseError("NOREPLICAS Not enough good replicas to write."),
    redis.ReadOnlyError("You can't write against a read only replica."),
    redis.exceptions.NoPermissionError("this user has no permissions"),
    redis.exceptions.ExecAbortError("Transaction discarded because of previous errors."),
    redis.ResponseError("ERR unknown command 'SET'"),
    redis.ResponseError("SOMETHINGNEW of a later release"),
]


@pytest.mark.parametrize("error", WRITE_REFUSALS, ids=str)
def test_refused_write_keeps_writes_away_and_not_reads(
    rig: Rig, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    """For a moment, then one tries again. It is said when it begins and when it is over, with what to do."""
    caplog.set_level(logging.INFO, "sched_cache.redis")
    for _ in range(10):
        rig.fail(error, rig.link.puts)
        rig.link.run(lambda _: None)
        rig.link.run(lambda _: None, gate=rig.link.messages)
    assert rig.breaker.state == CLOSED
    assert (rig.counters.errors, rig.counters.skipped) == (1, 9)
    rig.clock.now += 0.5
    rig.fail(error, rig.link.puts)
    rig.clock.now += 2.1
    for _ in range(3):
        rig.link.run(lambda _: None, gate=rig.link.puts)
    begun, over = caplog.records
    assert begun.levelname == "WARNING" and "What to do: " in begun.getMessage()
    assert over.levelname == "INFO" and "takes writes again" in over.getMessage()


@pytest.mark.parametrize("error", WRITE_REFUSALS, ids=str)
def test_refused_read_is_no_answer(rig: Rig, error: Exception) -> None:
    """Three in a row, and Redis is not asked."""
    for _ in range(3):
        rig.fail(error)
    assert rig.breaker.state == OPEN


@pytest.mark.parametrize(
    ("error", "is_left"),
    [
        (redis.ReadOnlyError("You can't write against a read only replica."), True),
        (redis.exceptions.NoPermissionError("this user has no permissions"), True),
        (redis.ResponseError("OOM command not allowed"), False),
    ],
    ids=str,
)
def test_a_write_that_another_server_might_take_connects_again(
    rig: Rig, error: Exception, is_left: bool
) -> None:
    """The name of a primary that was demoted in place leads elsewhere by now; its connections do not."""
    rig.link.run(lambda _: None)
    rig.fail(error, rig.link.puts)
    rig.link.run(lambda _: None)
    assert len(rig.attempts) == 1 + is_left


@pytest.mark.parametrize(
    "error",
    [
        redis.AuthenticationError("Authentication required."),
        redis.BusyLoadingError("Redis is loading the dataset in memory"),
        redis.exceptions.MasterDownError(
            "Link with MASTER is down and replica-serve-stale-data is set to 'no'."
        ),
        redis.ResponseError("CLUSTERDOWN Hash slot not served"),
        redis.ResponseError("MOVED 866 127.0.0.1:7001"),
        redis.ResponseError("DENIED Redis is running in protected mode"),
        redis.exceptions.MaxConnectionsError("max number of clients reached"),
    ],
    ids=str,
)
def test_what_concerns_reads_as_well_is_said_once(
    rig: Rig, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    """Whether a write or a read met it first."""
    for gate in (rig.link.puts, None, rig.link.messages, None):
        with suppress(RedisUnavailableError):
            rig.link.run(failing(error), 1, gate)
    assert rig.breaker.state == OPEN
    (record,) = caplog.records
    assert "What to do: " in record.getMessage()


@pytest.mark.parametrize("error", [KeyError("x"), TypeError("x"), AttributeError("x"), RecursionError("x")])
def test_what_the_driver_makes_of_nonsense_is_no_answer(rig: Rig, error: Exception) -> None:
    """Any answer of a foreign server is a miss for the reader."""
    for _ in range(3):
        rig.fail(error)
    assert rig.breaker.state == OPEN


def test_slow_answers_open_it(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """They cost more than reading the database. It is said when a probe finds it slow as well."""
    rig.link.breaker._budget = Budget(rig.clock, 0.1)
    rig.link.breaker._timeout_seconds = 5.0
    rig.client.get = lambda key: time.sleep(0.03)  # type: ignore[method-assign]  # this one's
    with suppress(RedisUnavailableError):
        for _ in range(30):  # what a call may lose shrinks with what is left
            rig.link.run(lambda _: time.sleep(0.02))
    assert rig.breaker.state == OPEN
    assert caplog.records == []
    for _ in range(3):
        rig.probe()
    (record,) = caplog.records
    assert "later than the database" in record.getMessage()


@pytest.mark.parametrize("error", [AssertionError("a bug"), KeyboardInterrupt(), SystemExit()])
def test_bugs_are_not_swallowed(rig: Rig, error: BaseException) -> None:
    """They are ours, not Redis's."""
    with pytest.raises(type(error)):
        rig.link.run(failing(error))


def test_cause_is_kept(rig: Rig) -> None:
    """Whoever debugs it wants to see the driver's own error."""
    error = redis.ConnectionError("refused")
    with pytest.raises(RedisUnavailableError, match="ConnectionError: refused") as caught:
        rig.link.run(failing(error))
    assert caught.value.__cause__ is error


@pytest.mark.parametrize("rig", ["redis://cache", "redis+cluster://cache"], indirect=True)
def test_client_is_made_once_and_anew_after_the_breaker_opened(rig: Rig) -> None:
    """The one that was made before knows where things were then. Nodes of a cluster are asked in turn."""
    is_cluster = rig.url.topology is Topology.CLUSTER
    for _ in range(5):
        rig.link.run(lambda _: None)
    assert rig.attempts == [0]
    for _ in range(3):
        rig.fail(redis.TimeoutError("silent"))
    rig.probe()
    rig.link.run(lambda _: None)
    assert rig.attempts == [0, int(is_cluster)]


@pytest.mark.parametrize("rig", ["redis+cluster://cache"], indirect=True)
def test_nobody_waits_longer_for_a_cluster_than_for_an_answer(rig: Rig) -> None:
    """It is opened in the background, once, and there for those who come later."""
    may_open = threading.Event()
    rig.before_connect = may_open.wait
    for _ in range(3):
        with pytest.raises(RedisUnavailableError, match="did not describe itself"):
            rig.link.run(lambda _: None)
    may_open.set()
    while True:
        with suppress(RedisUnavailableError):
            rig.link.run(lambda _: None)
            break
        rig.clock.now += 1
        time.sleep(0.001)
    assert rig.attempts == [0]


@pytest.mark.parametrize("rig", ["redis+cluster://cache"], indirect=True)
def test_a_cluster_that_cannot_be_opened_is_tried_again(rig: Rig) -> None:
    """Beginning with another of its nodes."""
    rig.connect_error = RedisClusterException("no node")
    for _ in range(2):
        with pytest.raises(RedisUnavailableError, match="no node"):
            rig.link.run(lambda _: None)
    rig.connect_error = None
    rig.link.run(lambda _: None)
    assert rig.attempts == [0, 1, 2]


def test_client_that_cannot_be_made_is_no_answer(rig: Rig) -> None:
    """A cluster none of whose nodes is there."""
    rig.connect_error = RedisClusterException("no node")
    for _ in range(3):
        with pytest.raises(RedisUnavailableError):
            rig.link.run(lambda _: None)
    assert rig.breaker.state == OPEN
    with pytest.raises(RedisUnavailableError):
        rig.link.connect()


def test_trouble_is_logged_once_and_its_end_once(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """Not once per read, nor per probe."""
    caplog.set_level(logging.INFO, "sched_cache.redis")
    for _ in range(3):
        rig.fail(redis.ConnectionError("refused"))
    rig.client.error = redis.ConnectionError("refused")
    for _ in range(20):
        rig.probe()
        assert rig.breaker.state == OPEN
    rig.client.error = None
    rig.probe()
    rig.clock.now += 2
    for _ in range(5):
        rig.link.run(lambda _: None)
    assert [(record.levelname, record.message[:22]) for record in caplog.records] == [
        ("WARNING", "Redis does not answer "),
        ("INFO", "Redis answers again (a"),
    ]


def test_a_link_that_nothing_uses_heals(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """Where no content is asked for, the thread that listens has a Redis that is well again found out, and said."""
    caplog.set_level(logging.INFO)
    while rig.breaker.state == CLOSED:
        rig.fail(redis.ConnectionError("refused"))
    deadline = time.monotonic() + 30
    while (rig.breaker.state != CLOSED or "answers again" not in caplog.text) and time.monotonic() < deadline:
        rig.clock.now += 1
        rig.link.look_after()
        time.sleep(0.01)  # the probe runs on a thread
    assert rig.breaker.state == CLOSED
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


def test_a_slow_probe_leaves_it_open(rig: Rig) -> None:
    """It is of no use before it is faster than the database."""
    for _ in range(3):
        rig.fail(redis.ConnectionError("refused"))
    rig.client.get = lambda key: time.sleep(0.03)  # type: ignore[method-assign]  # this one's
    rig.probe()
    assert rig.breaker.state == OPEN
    del rig.client.get
    rig.probe()
    assert rig.breaker.state == CLOSED

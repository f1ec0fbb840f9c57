from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NoReturn, cast

import pytest
import redis
from redis.exceptions import ClusterDownError, RedisClusterException

from sched_cache.config import RedisUrl, parse_redis_url
from sched_cache.config.redis_url import Topology
from sched_cache.errors import RedisUnavailableError
from sched_cache.stats import RedisCounters
from sched_cache.store.redis.breaker import CLOSED, OPEN, Breaker
from sched_cache.store.redis.client import Client
from sched_cache.store.redis.link import Link
from tests.support.clock import ManualClock


class Rig:
    """A link whose commands are functions of the test."""

    def __init__(self, url: str) -> None:
        self.url = parse_redis_url(url)
        self.clock = ManualClock()
        self.counters = RedisCounters()
        self.breaker = Breaker(self.clock, 3, 1.0, 30.0, random.Random(1))
        self.attempts: list[int] = []
        self.connect_error: Exception | None = None
        self.before_connect: Callable[[], object] = bool
        self.link = Link(self.url, 0.05, self.breaker, self.counters, self.connect)

    def connect(self, url: RedisUrl, timeout_seconds: float, attempt: int) -> Client:
        self.attempts.append(attempt)
        self.before_connect()
        if self.connect_error:
            raise self.connect_error
        return cast(Client, object())

    def fail(self, error: BaseException) -> None:
        with pytest.raises(RedisUnavailableError):
            self.link.run(failing(error))


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
    """Whatever redis-py calls it. Three in a row, and Redis is not asked."""
    for _ in range(3):
        rig.fail(error)
    assert rig.breaker.state == OPEN
    with pytest.raises(RedisUnavailableError):
        rig.link.run(lambda _: pytest.fail("asked"))
    assert (rig.counters.errors, rig.counters.skipped, rig.counters.breaker_opened) == (3, 1, 1)


@pytest.mark.parametrize(
    "error",
    [
        redis.ResponseError("OOM command not allowed when used memory > 'maxmemory'."),
        redis.ReadOnlyError("You can't write against a read only replica."),
        redis.exceptions.NoPermissionError("this user has no permissions"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_refusal_is_an_error_but_leaves_the_breaker_closed(rig: Rig, error: Exception) -> None:
    """A Redis that is full or read-only still answers reads."""
    for _ in range(10):
        rig.fail(error)
    assert rig.breaker.state == CLOSED
    assert rig.counters.errors == 10


@pytest.mark.parametrize("error", [TypeError("a bug"), AssertionError("a bug"), KeyboardInterrupt()])
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
    rig.clock.now += 2
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
    rig.clock.now += 2
    while True:
        with suppress(RedisUnavailableError):
            rig.link.run(lambda _: None)
            break
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
    """Not once per read."""
    caplog.set_level(logging.INFO, "sched_cache.redis")
    for _ in range(3):
        rig.fail(redis.ConnectionError("refused"))
    for _ in range(20):
        rig.clock.now += 40
        rig.fail(redis.ConnectionError("refused"))
    rig.clock.now += 40
    for _ in range(5):
        rig.link.run(lambda _: None)
    assert [(record.levelname, record.message[:22]) for record in caplog.records] == [
        ("WARNING", "Redis does not answer "),
        ("INFO", "Redis answers again"),
    ]

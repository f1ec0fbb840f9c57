"""A Redis in trouble costs readers only a little time."""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from sched_cache.errors import RedisUnavailableError
from sched_cache.store.l2 import Answer
from sched_cache.store.redis.tier import RedisTier
from tests.contracts.l2 import (
    INCARNATION,
    client_of,
    counters,
    key_of,
    open_tier,
    part_of,
    pointer_to,
    wait_until,
)
from tests.support.clock import ManualClock
from tests.support.proxy import Proxy
from tests.support.servers import RedisCluster, RedisSentinel, RedisServer, required
from tests.support.servers.black_hole import black_hole
from tests.support.servers.process import free_port

# A scheduler's setting, and what a call may take. The fastest of several calls counts: on a busy machine any
# one of them may have to wait for the processor. redis-py's defaults would take 3.6 seconds, or 59.
TIMEOUT_SECONDS, ALLOWED_SECONDS = 0.05, 0.06
DIGEST, PART = part_of("part")

Call = Callable[[RedisTier], object]

CALLS: dict[str, tuple[Call, object]] = {
    "get": (lambda tier: tier.get(DIGEST), Answer.UNAVAILABLE),
    "get_many": (lambda tier: tier.get_many([DIGEST]), {DIGEST: Answer.UNAVAILABLE}),
    "put_many": (lambda tier: tier.put_many({DIGEST: PART}), False),
    "fetch": (lambda tier: tier.fetch(DIGEST, lambda: PART), PART),
    "fetch_many": (lambda tier: tier.fetch_many([DIGEST], lambda _: {DIGEST: PART}), {DIGEST: PART}),
    "notify": (lambda tier: tier.notify(pointer_to("a", 1, DIGEST), INCARNATION), False),
}


@pytest.fixture(params=["refuses", "never answers", "no sentinel answers", "no node answers"])
def dead_url(request: pytest.FixtureRequest) -> Iterator[str]:
    with ExitStack() as stack:
        ports = [stack.enter_context(black_hole()) for _ in range(3)]
        nodes = ",".join(f"127.0.0.1:{port}" for port in ports)
        yield {
            "refuses": f"redis://127.0.0.1:{free_port()}",
            "never answers": f"redis://:word@127.0.0.1:{ports[0]}/1",
            "no sentinel answers": f"redis+sentinel://{nodes}/primary",
            "no node answers": f"redis+cluster://{nodes}",
        }[request.param]


@pytest.mark.parametrize("name", CALLS)
def test_no_call_takes_longer_than_the_timeout(dead_url: str, name: str) -> None:
    """This holds for any call and any dead server, and the answer is not a miss."""
    call, answer = CALLS[name]
    seconds = []
    for _ in range(5):
        tier = open_tier(dead_url, redis_timeout_seconds=TIMEOUT_SECONDS)
        started = time.monotonic()
        assert call(tier) == answer
        seconds.append(time.monotonic() - started)
    assert min(seconds) <= ALLOWED_SECONDS


def test_in_trouble_redis_costs_no_more_than_the_budget(dead_url: str) -> None:
    """However many reads there are; after two calls at the most nothing is sent, and probes cost no reader."""
    clock = ManualClock()
    tier = open_tier(dead_url, clock, redis_timeout_seconds=TIMEOUT_SECONDS)
    for _ in range(3):
        tier.get(DIGEST)
    n_errors = counters(tier).errors
    assert n_errors <= 3
    seconds = []
    for _ in range(100):
        clock.now += 0.2
        started = time.perf_counter()
        assert tier.fetch(DIGEST, lambda: PART) == PART
        seconds.append(time.perf_counter() - started)
    assert sorted(seconds)[50] <= 0.001
    assert (counters(tier).errors, counters(tier).skipped) == (n_errors, 103 - n_errors)
    assert counters(tier).breaker_opened == 1


@pytest.mark.parametrize("delay_seconds", [0.01, 0.02, 0.04])
def test_a_slow_redis_is_left_alone(redis_server: RedisServer, delay_seconds: float) -> None:
    """Each answer comes in time, and all of them together would cost a loop more than no Redis does."""
    clock = ManualClock()
    with Proxy(redis_server.port) as proxy:
        tier = open_tier(
            f"redis://127.0.0.1:{proxy.port}",
            clock,
            redis_timeout_seconds=5.0,
            redis_breaker_failures=1000,
            tier_loss_seconds=0.08,
        )
        tier._budget._seconds = 0.08  # also where one call may take longer
        assert tier.put_many({DIGEST: PART})
        proxy.delay(delay_seconds)
        for _ in range(1000):
            assert tier.fetch(DIGEST, lambda: PART) == PART
        # What the database takes was not measured yet, so it is put at five milliseconds.
        assert counters(tier).hits <= 1 + 0.08 / (delay_seconds - 0.005)
        assert counters(tier).skipped >= 900
        # As long as the delay lasts, no probe lets a reader wait for it again.
        n_hits = counters(tier).hits
        for _ in range(20):
            clock.now += 1
            tier.fetch(DIGEST, lambda: PART)
            time.sleep(0.01)
        assert counters(tier).hits == n_hits
        proxy.forward()

        def is_used() -> bool:
            clock.now += 1
            time.sleep(0.05)
            tier.fetch(DIGEST, lambda: PART)
            return bool(counters(tier).hits > n_hits)

        wait_until(is_used)
        tier.close()


def test_it_may_stop_answering_in_the_middle() -> None:
    """On a connection that worked. From the first silence on the call asks no more."""
    with required():
        server = RedisServer()
    with server:
        tier = open_tier(server.url, redis_timeout_seconds=TIMEOUT_SECONDS, redis_breaker_failures=100)
        wait_until(lambda: tier.get(DIGEST) is Answer.MISS)

        def load_and_pause() -> bytes:
            server.pause()
            return PART

        started = time.monotonic()
        assert tier.fetch(DIGEST, load_and_pause) == PART
        assert counters(tier).errors == 1
        seconds = [time.monotonic() - started]
        for _ in range(5):
            started = time.monotonic()
            assert tier.fetch(DIGEST, lambda: PART) == PART
            seconds.append(time.monotonic() - started)
        assert min(seconds) <= ALLOWED_SECONDS
        server.resume()
        wait_until(lambda: tier.put_many({DIGEST: PART}) and tier.get(DIGEST) == PART)
        tier.close()


def test_it_comes_back() -> None:
    """Empty; the breaker's next probe finds it."""
    with required():
        server = RedisServer()
    with server:
        tier = open_tier(server.url, redis_breaker_min_seconds=0.05, redis_breaker_max_seconds=0.1)
        tier.put_many({DIGEST: PART})
        server.kill()
        for _ in range(4):
            assert tier.get(DIGEST) is Answer.UNAVAILABLE
        server.start()
        wait_until(lambda: tier.get(DIGEST) is Answer.MISS)
        assert tier.put_many({DIGEST: PART})
        assert tier.get(DIGEST) == PART
        tier.close()


def test_wrong_password_is_no_miss(
    secure_redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says what is wrong, and not what the password was."""
    caplog.set_level(logging.DEBUG, "sched_cache")
    tier = open_tier(secure_redis_server.url.replace("p-a_s~s", "topsecret"))
    for _ in range(5):
        assert tier.get(DIGEST) is Answer.UNAVAILABLE
    (record,) = caplog.records
    assert "AuthenticationError" in record.getMessage()
    assert "topsecret" not in caplog.text
    assert "p-a_s~s" not in caplog.text


def test_no_password_in_what_is_told_of_sentinels(caplog: pytest.LogCaptureFixture) -> None:
    """Neither theirs nor that of the servers, in the log or in the errors behind it."""
    caplog.set_level(logging.DEBUG)
    port = free_port()
    tier = open_tier(f"redis+sentinel://u:topsecret1@127.0.0.1:{port}/s?sentinel_password=topsecret2")
    for _ in range(3):
        with pytest.raises(RedisUnavailableError) as caught:
            tier._parts.get(DIGEST)
        assert "topsecret" not in "".join(traceback.format_exception(caught.value))
    assert "MasterNotFoundError" in caplog.text
    assert "topsecret" not in caplog.text


def test_untrusted_certificate_is_no_miss(secure_redis_server: RedisServer) -> None:
    """Nor is a server without TLS taken for one with it."""
    url = secure_redis_server.url.partition("?")[0]
    assert open_tier(url).get(DIGEST) is Answer.UNAVAILABLE
    assert open_tier(url.replace("rediss", "redis")).get(DIGEST) is Answer.UNAVAILABLE


def test_full_redis_still_answers_reads(redis_server: RedisServer) -> None:
    """Puts fail and are counted; nothing is left alone for a while."""
    redis_server.flush()
    tier = open_tier(redis_server.url)
    assert tier.put_many({DIGEST: PART})
    redis_server.execute("CONFIG", "SET", "maxmemory", "1")
    try:
        digest, part = part_of("another part")
        for _ in range(5):
            assert not tier.put_many({digest: part})
            assert tier.fetch(digest, lambda: part) == part
            assert tier.get(DIGEST) == PART
        assert counters(tier).hits == 5
        assert counters(tier).put_errors == 5
    finally:
        redis_server.execute("CONFIG", "SET", "maxmemory", "0")
    tier.close()


def test_a_replica_answers_reads(redis_server: RedisServer) -> None:
    """And refuses to write, which is no reason not to read."""
    redis_server.flush()
    with required():
        replica = RedisServer(replica_of=redis_server)
    with replica:
        writer, reader = open_tier(redis_server.url), open_tier(replica.url)
        writer.put_many({DIGEST: PART})
        wait_until(replica.is_in_sync)
        digest, part = part_of("another part")
        for _ in range(5):
            assert reader.fetch(digest, lambda: part) == part
            assert reader.get(DIGEST) == PART
        writer.close()
        reader.close()


def test_flushed_redis_is_filled_again(redis_server: RedisServer) -> None:
    """Each part by whoever needs it next."""
    redis_server.flush()
    tier = open_tier(redis_server.url)
    tier.fetch(DIGEST, lambda: PART)
    redis_server.flush()
    assert tier.get(DIGEST) is Answer.MISS
    assert tier.fetch(DIGEST, lambda: PART) == PART
    assert client_of(tier).get(key_of(DIGEST)) is not None
    tier.close()


def test_waiting_for_another_node_is_bounded(redis_url: str) -> None:
    """The node that has the lease was killed: the others wait for their time and load."""
    holder = open_tier(redis_url)
    assert holder._parts.lease([DIGEST]) == [DIGEST]
    clock = ManualClock()
    tier = open_tier(redis_url, clock, redis_lease_wait_seconds=0.5)
    assert tier.fetch(DIGEST, lambda: PART) == PART
    assert 0.5 <= sum(clock.slept) <= 0.55
    assert max(clock.slept) <= 0.02
    assert counters(tier).lease_timeouts == 1
    holder.close()
    tier.close()


def test_a_lease_ends_with_time(redis_url: str) -> None:
    """This holds for any fate of its holder."""
    holder = open_tier(redis_url, redis_lease_seconds=0.05)
    holder._parts.lease([DIGEST])
    tier = open_tier(redis_url, redis_lease_wait_seconds=60, tier_loss_seconds=60)
    assert tier.fetch(DIGEST, lambda: PART) == PART
    assert counters(tier).lease_timeouts == 0
    holder.close()
    tier.close()


def test_sentinels_that_do_not_answer_are_passed_over(
    redis_server: RedisServer, redis_sentinel: RedisSentinel
) -> None:
    """One that is silent, one that is gone, one that knows."""
    redis_server.flush()
    with black_hole() as silent:
        tier = open_tier(
            f"redis+sentinel://127.0.0.1:{silent},127.0.0.1:{free_port()},127.0.0.1:{redis_sentinel.port}"
            f"/{redis_sentinel.service_name}",
            redis_timeout_seconds=1.0,
        )
        assert tier.get(DIGEST) is Answer.MISS
        tier.close()


def test_sentinel_leads_to_the_new_primary() -> None:
    """After a failover, to whatever it has."""
    with required():
        primary = RedisServer()
        replica = RedisServer(replica_of=primary)
        sentinel = RedisSentinel(primary)
    with primary, replica, sentinel:
        url = f"redis+sentinel://127.0.0.1:{sentinel.port}/{sentinel.service_name}"
        tier = open_tier(url, redis_breaker_min_seconds=0.05, redis_breaker_max_seconds=0.1)
        tier.put_many({DIGEST: PART})
        wait_until(replica.is_in_sync)
        deadline = time.monotonic() + 60
        while not sentinel.can_fail_over():
            assert time.monotonic() < deadline
            time.sleep(0.1)
        primary.kill()
        digest, part = part_of("another part")
        while not tier.put_many({digest: part}):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert sentinel.primary_port() == replica.port
        assert tier.get(DIGEST) == PART
        tier.close()


def test_cluster_answers_for_the_nodes_that_are_there() -> None:
    """Parts on the others are unavailable, not absent; when the node is back, so are they."""
    with required():
        cluster = RedisCluster()
    with cluster:
        nodes = ",".join(f"127.0.0.1:{node.port}" for node in cluster.nodes)
        tier = open_tier(
            f"redis+cluster://{nodes}",
            redis_timeout_seconds=0.5,
            redis_breaker_failures=1000,
            tier_loss_seconds=60,
        )
        parts = dict(part_of(f"part {number}") for number in range(30))
        wait_until(lambda: tier.put_many(parts))
        for node in cluster.nodes:
            node.execute("CONFIG", "SET", "cluster-require-full-coverage", "no")
        cluster.nodes[2].pause()
        answers = [tier.get(digest) for digest in parts]
        assert Answer.UNAVAILABLE in answers
        assert Answer.MISS not in answers
        assert sum(isinstance(answer, bytes) for answer in answers) >= 10
        cluster.nodes[2].resume()
        wait_until(lambda: tier.get_many(list(parts)) == parts)
        tier.close()

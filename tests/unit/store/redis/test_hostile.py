"""Everything in Redis, and what answers in its place, may be anything: the worst is a miss."""

from __future__ import annotations

import random
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sched_cache.config import Config
from sched_cache.stats import Stats
from sched_cache.store.budget import Budget
from sched_cache.store.l2 import Answer
from sched_cache.store.redis.tier import RedisTier
from tests.contracts.l2 import (
    INCARNATION,
    NAMESPACE,
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
from tests.support.servers import RedisServer

DIGEST, PART = part_of("part")
MB = 1 << 20
ALLOWED_SECONDS = 2.0


class Stranger:
    """Answers every command with the same bytes, and then goes on for as long as it is asked to."""

    def __init__(self) -> None:
        self.answer = b""
        self.is_endless = False
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"redis://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            while client.recv(65536):
                client.sendall(self.answer)
                while self.is_endless:
                    client.sendall(self.answer)


@pytest.fixture(scope="module")
def stranger() -> Iterator[Stranger]:
    stranger = Stranger()
    yield stranger
    stranger.close()


CALLS: list[Callable[[RedisTier], object]] = [
    lambda tier: tier.get(DIGEST),
    lambda tier: tier.get_many([DIGEST, part_of("other")[0]]),
    lambda tier: tier.put_many({DIGEST: PART}),
    lambda tier: tier.fetch(DIGEST, lambda: PART),
    lambda tier: tier.fetch_many([DIGEST], lambda _: {DIGEST: PART}),
    lambda tier: tier.notify(pointer_to("a", 1, None), INCARNATION),
]


def hostile(url: str) -> RedisTier:
    return open_tier(
        url,
        redis_timeout_seconds=0.2,
        redis_breaker_failures=1000,
        tier_loss_seconds=60,
        redis_lease_wait_seconds=0.05,
        max_content_bytes=4 * MB,
    )


ANSWERS = [
    b"*1\r\n" * 100_000,
    b"*1000000000\r\n",
    b"*-1\r\n",
    b"*-7\r\n",
    b"*0\r\n",
    b"*1\r\n$1\r\nx\r\n",
    b"*3\r\n:1\r\n:2\r\n:3\r\n",
    b"$1000000000000\r\nx",
    b"$-7\r\n",
    b":5\r\n",
    b":x\r\n",
    b"+" + b"x" * 1000 + b"\r\n",
    b"-\r\n",
    b"-ERR\r\n",
    b"-\xff\xfe\r\n",
    b"-MOVED\r\n",
    b"-MOVED x y z\r\n",
    b"-ASK 1 127.0.0.1\r\n",
    b"-MOVED 1 127.0.0.1:1\r\n",
    b"\x00" * 1000,
    b"\r\n\r\n",
    b"%1\r\n+a\r\n+b\r\n",
    b">2\r\n+message\r\n+x\r\n",
    b"_\r\n",
    b"#t\r\n",
    b",1.5\r\n",
    b"(123\r\n",
    b"=5\r\ntxt:x\r\n",
    b"HTTP/1.1 200 OK\r\n\r\n",
]


@pytest.mark.parametrize("is_endless", [False, True], ids=["once", "endless"])
@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: repr(answer[:20]))
def test_no_answer_of_a_stranger_reaches_a_reader(
    stranger: Stranger, answer: bytes, is_endless: bool
) -> None:
    """It is no error, no wrong part and no long wait, whatever the parser makes of it."""
    stranger.answer, stranger.is_endless = answer, is_endless
    tier = hostile(stranger.url)
    try:
        for call in CALLS:
            started = time.monotonic()
            got = call(tier)
            assert time.monotonic() - started < ALLOWED_SECONDS
            assert got in (True, False, PART, {DIGEST: PART}) or _says_nothing(got)
    finally:
        stranger.is_endless = False
        tier.close()


def _says_nothing(got: object) -> bool:
    answers = got.values() if isinstance(got, dict) else [got]
    return all(answer in (Answer.MISS, Answer.UNAVAILABLE) for answer in answers)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(answer=st.one_of(st.binary(max_size=60), st.text("*$:+-_#,0123456789\r\nax ", max_size=60)))
def test_nor_does_any_other(stranger: Stranger, answer: bytes | str) -> None:
    """Generated ones, cut off by the end of the connection."""
    stranger.answer = answer.encode() if isinstance(answer, str) else answer
    tier = open_tier(stranger.url, redis_timeout_seconds=0.02, redis_lease_wait_seconds=0)
    for call in CALLS:
        call(tier)
    tier.close()


@pytest.mark.parametrize("name", ["get", "get_many"])
def test_a_huge_value_is_neither_kept_nor_left(redis_server: RedisServer, name: str) -> None:
    """No more of it is read than any part of ours has, and it goes: the next reader finds a miss."""
    redis_server.flush()
    tier = hostile(redis_server.url)
    assert tier.get(DIGEST) is Answer.MISS
    redis_server.execute("SETRANGE", key_of(DIGEST), 64 * MB, b"x")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    answer = tier.get(DIGEST) if name == "get" else tier.get_many([DIGEST])[DIGEST]
    assert answer in (Answer.MISS, Answer.UNAVAILABLE)
    # In units of a kilobyte, on Linux.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 32 * 1024

    def is_gone() -> bool:
        time.sleep(0.2)  # the server is still busy with what nobody reads any more
        return not redis_server.execute("EXISTS", key_of(DIGEST)) or tier.get(DIGEST) is None

    wait_until(is_gone)
    assert tier.fetch(DIGEST, lambda: PART) == PART
    assert tier.get(DIGEST) == PART
    tier.close()


def test_a_value_that_takes_too_long_to_read_goes(redis_server: RedisServer) -> None:
    """Within the bound of a part, but each reader would lose its time to it again."""
    redis_server.flush()
    with Proxy(redis_server.port) as proxy:
        tier = hostile(f"redis://127.0.0.1:{proxy.port}")
        wait_until(lambda: tier.get(DIGEST) is Answer.MISS)
        redis_server.execute("SETRANGE", key_of(DIGEST), 3 * MB, b"x")
        proxy.trickle(1 << 15, 0.005)
        assert tier.get(DIGEST) is Answer.UNAVAILABLE
        wait_until(lambda: not redis_server.execute("EXISTS", key_of(DIGEST)))
        tier.close()


@pytest.mark.parametrize("kind", ["string", "endless string", "list", "hash", "set", "stream", "huge"])
def test_a_lease_that_a_stranger_holds_costs_a_moment(redis_server: RedisServer, kind: str) -> None:
    """For ever, in whatever type: each reader loads for itself, and all together wait no longer than the budget."""
    redis_server.flush()
    parts = dict(part_of(f"part {number}") for number in range(20))
    tier = open_tier(redis_server.url, redis_timeout_seconds=1.0, tier_loss_seconds=1.0)
    for digest in parts:
        key = f"{key_of(digest)}:lease"
        command = {
            "string": ("SET", key, "x", "PX", 100_000),
            "endless string": ("SET", key, "x"),
            "list": ("RPUSH", key, "x"),
            "hash": ("HSET", key, "x", "y"),
            "set": ("SADD", key, "x"),
            "stream": ("XADD", key, "*", "x", "y"),
            "huge": ("SETRANGE", key, MB, "x"),
        }[kind]
        redis_server.execute(*command)
    started = time.monotonic()
    for digest, part in parts.items():
        assert tier.fetch(digest, lambda part=part: part) == part  # type: ignore[misc]  # bound at once
    assert time.monotonic() - started < 10  # twenty whole time-outs would be twenty seconds
    tier.close()


def test_leases_of_a_stranger_leave_most_of_the_budget_to_the_database(redis_server: RedisServer) -> None:
    """A reader that spent the whole budget on abandoned leases would then leave a healthy database alone."""
    redis_server.flush()
    clock, budget_seconds = ManualClock(), 0.1
    budget = Budget(clock, budget_seconds)
    config = Config(redis_url=redis_server.url, namespace=NAMESPACE, redis_timeout_seconds=5.0)
    tier = RedisTier(config, Stats(), clock, random.Random(1), budget=budget)
    parts = dict(part_of(f"part {number}") for number in range(200))
    for digest in parts:
        redis_server.execute("SET", f"{key_of(digest)}:lease", "x")
    digests = sorted(parts)
    for few in (digests[:20], digests[20:120]):
        assert tier.fetch_many(few, lambda missing: {digest: parts[digest] for digest in missing}) == {
            digest: parts[digest] for digest in few
        }
    for digest in digests[120:]:
        assert tier.fetch(digest, lambda digest=digest: parts[digest]) == parts[digest]  # type: ignore[misc]
    assert counters(tier).lease_timeouts == 1
    assert 0 < sum(clock.slept) < budget_seconds / 2
    tier.close()


def test_damaged_values_are_dropped_in_one_round_trip(redis_server: RedisServer) -> None:
    """All damaged values of a batch are deleted together with their leases."""
    redis_server.flush()
    tier = open_tier(redis_server.url)
    parts = dict(part_of(f"part {number}") for number in range(100))
    tier.put_many(parts)
    *damaged, sound = parts
    for digest in damaged:
        redis_server.execute("SET", key_of(digest), "nonsense")
    with mock.patch.object(tier._link, "run", wraps=tier._link.run) as run:
        assert tier.get_many(parts) == {**dict.fromkeys(damaged, Answer.MISS), sound: parts[sound]}
    assert run.call_count <= 3  # the third one if the time to live of the sound one was renewed
    assert counters(tier).damaged == 99
    assert redis_server.execute("DBSIZE") == 1
    tier.close()


def test_a_redis_full_of_damaged_values_is_left_alone_until_they_are_gone(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    """One answer without a valid value opens the breaker. The values are removed, and Redis is used again."""
    redis_server.flush()
    tier = open_tier(redis_server.url, redis_breaker_min_seconds=0.1, redis_breaker_max_seconds=0.1)
    parts = dict(part_of(f"part {number}") for number in range(100))
    for digest in parts:
        redis_server.execute("SET", key_of(digest), "nonsense")
        redis_server.execute("SET", f"{key_of(digest)}:lease", "x")
    with mock.patch.object(tier._link, "run", wraps=tier._link.run) as run:
        found = tier.fetch_many(parts, lambda missing: {digest: parts[digest] for digest in missing})
    assert found == parts
    assert run.call_count <= 2  # the second one for a lease, which is not asked for
    assert counters(tier).lease_waits == 0
    assert len(caplog.records) == 1 and "do not match their keys (all 100 of one answer)" in caplog.text
    wait_until(lambda: redis_server.execute("DBSIZE") == 0)

    def is_used_again() -> bool:
        tier.fetch_many(parts, lambda missing: {digest: parts[digest] for digest in missing})
        return counters(tier).hits >= 100

    wait_until(is_used_again)
    tier.close()


def test_every_type_under_the_key_of_a_part(redis_server: RedisServer) -> None:
    """And in every encoding of a string: as a number, short, long."""
    redis_server.flush()
    commands: list[tuple[str, ...]] = [
        ("SET", "%s", "12345"),
        ("SET", "%s", "x" * 44),
        ("SET", "%s", "x" * 100_000),
        ("RPUSH", "%s", "x"),
        ("HSET", "%s", "x", "y"),
        ("SADD", "%s", "1"),
        ("ZADD", "%s", "1", "x"),
        ("XADD", "%s", "*", "x", "y"),
        ("PFADD", "%s", "x"),
        ("SETBIT", "%s", "7", "1"),
    ]
    tier = open_tier(redis_server.url)
    for number, command in enumerate(commands):
        digest, part = part_of(f"part {number}")
        for _ in range(2):
            redis_server.execute("DEL", key_of(digest), f"{key_of(digest)}:lease")
            redis_server.execute(*(word.replace("%s", key_of(digest)) for word in command))
            assert tier.get_many([digest]) == {digest: Answer.MISS}
            assert tier.get(digest) is Answer.MISS
        assert tier.fetch(digest, lambda part=part: part) == part  # type: ignore[misc]  # bound at once
        assert tier.get(digest) == part
    assert counters(tier).errors == 0
    assert client_of(tier) is not None
    tier.close()

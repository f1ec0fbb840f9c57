"""The Redis that lies, as its clients see it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from redis import Redis, __version__

from sched_cache.store.contract import Pointer, Seq, Version
from sched_cache.store.redis.notification import decode_notification, encode_notification
from tests.support.servers import LyingRedis

# Releases before 5 speak no other, and know no such option.
_PROTOCOL: Mapping[str, Any] = {} if __version__.startswith("4.") else {"protocol": 2}


@pytest.fixture
def client() -> Iterator[Redis]:
    with LyingRedis() as server, Redis.from_url(server.url, socket_timeout=60.0, **_PROTOCOL) as client:
        yield client


def test_a_read_is_answered_and_what_was_written_is_not_believed(client: Redis) -> None:
    """Single reads, many at once and pipelines; a lease is never granted."""
    written = {f"key {number}": bytes([number]) * 100 for number in range(8)}
    for key, value in written.items():
        client.set(key, value)
    answers = [client.get(key) for key in written for _ in range(6)]
    assert all(isinstance(answer, bytes) for answer in answers)
    expected = [value for value in written.values() for _ in range(6)]
    assert sum(answer != value for answer, value in zip(answers, expected, strict=True)) > 36
    assert len(client.mget(list(written))) == len(written)
    assert client.set("lease", b"", px=1000, nx=True) is None
    pipeline = client.pipeline(transaction=False)
    pipeline.set("lease", b"", nx=True).expire("key 1", 5)
    assert pipeline.execute() == [None, True]


def test_a_subscriber_hears_what_nobody_has_sent(client: Redis) -> None:
    """The messages are well formed, and most of them have other numbers than the one that was published."""
    pointer = Pointer("key", Version(3), Seq(5), "ab" * 16)
    client.publish("channel", encode_notification(pointer))
    listening = client.pubsub(ignore_subscribe_messages=True)
    listening.subscribe("channel")
    heard, end = [], time.monotonic() + 60
    while len(heard) < 40 and time.monotonic() < end:
        message = listening.get_message(timeout=1.0)
        if message is not None:
            heard.append(decode_notification(message["data"]))
    listening.close()
    assert len(heard) == 40
    assert {found.key for found in heard} == {"key", "nonsense"}
    assert max(found.version for found in heard) > 3
    assert len({found.content_hash for found in heard}) > 3

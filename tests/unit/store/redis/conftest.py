"""Redis servers of every kind, each started once for this folder."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sched_cache.store.redis.tier import RedisTier
from tests.contracts.l2 import MakeL2, open_tier
from tests.support.servers import RedisCluster, RedisSentinel, RedisServer, required


@pytest.fixture
def make_l2(l2_url: str) -> Iterator[MakeL2]:
    """Opens tiers on `l2_url` and closes them after the test."""
    tiers: list[RedisTier] = []

    def make(**options: Any) -> RedisTier:
        tiers.append(open_tier(l2_url, **options))
        return tiers[-1]

    yield make
    for tier in tiers:
        tier.close()


class SocketFileRedisServer(RedisServer):
    """A server that also listens on a file."""

    def command(self) -> list[str]:
        return [*super().command(), "--unixsocket", str(self.folder / "redis.sock")]


@pytest.fixture(scope="session")
def socket_file_url() -> Iterator[str]:
    """Database 3 of a server, through its file."""
    with required():
        server = SocketFileRedisServer()
    with server:
        yield f"unix://{server.folder}/redis.sock?db=3"


@pytest.fixture(scope="session")
def secure_redis_server() -> Iterator[RedisServer]:
    """With TLS and a password."""
    with required():
        server = RedisServer(tls=True, password="p-a_s~s")
    with server:
        yield server


@pytest.fixture(scope="session")
def redis_sentinel(redis_server: RedisServer) -> Iterator[RedisSentinel]:
    """One that watches the shared server."""
    with required():
        sentinel = RedisSentinel(redis_server)
    with sentinel:
        yield sentinel


@pytest.fixture(scope="session")
def redis_cluster() -> Iterator[RedisCluster]:
    """Three primaries."""
    with required():
        cluster = RedisCluster()
    with cluster:
        yield cluster

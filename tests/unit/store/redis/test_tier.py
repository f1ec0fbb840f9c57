"""The contract on every kind of Redis there is."""

from __future__ import annotations

import itertools

import pytest

from tests.contracts.l2 import L2Contract, client_of, open_tier
from tests.support.servers import RedisCluster, RedisSentinel, RedisServer

_numbers = itertools.count()


class TestInThisProcess(L2Contract):
    @pytest.fixture
    def l2_url(self) -> str:
        return f"fake://test-{next(_numbers)}"


class TestStandalone(L2Contract):
    @pytest.fixture
    def l2_url(self, redis_url: str) -> str:
        return redis_url


class TestSocketFile(L2Contract):
    @pytest.fixture
    def l2_url(self, socket_file_url: str) -> str:
        client_of(open_tier(socket_file_url)).flushdb()  # type: ignore[attr-defined]  # of redis-py
        return socket_file_url


class TestTlsAndPassword(L2Contract):
    @pytest.fixture
    def l2_url(self, secure_redis_server: RedisServer) -> str:
        secure_redis_server.flush()
        return secure_redis_server.url


class TestSentinel(L2Contract):
    @pytest.fixture
    def l2_url(self, redis_server: RedisServer, redis_sentinel: RedisSentinel) -> str:
        redis_server.flush()
        return f"redis+sentinel://127.0.0.1:{redis_sentinel.port}/{redis_sentinel.service_name}/0"


class TestCluster(L2Contract):
    @pytest.fixture
    def l2_url(self, redis_cluster: RedisCluster) -> str:
        for node in redis_cluster.nodes:
            node.flush()
        return "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in redis_cluster.nodes)

"""The private Redis servers that other tests build on."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
import redis

from tests.support.servers import RedisCluster, RedisSentinel, RedisServer, required


def wait_until(holds: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.05)


def test_the_fixture_is_empty(redis_url: str, redis_server: RedisServer) -> None:
    """A test starts without the keys of the one before."""
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        client.set("left", "behind")
    redis_server.flush()
    assert redis_server.execute("DBSIZE") == 0


def test_a_paused_server_accepts_and_never_answers(redis_url: str) -> None:
    """The client connects and then runs into its own time limit; after `resume` it is served again."""
    with RedisServer() as server, redis.Redis.from_url(server.url, socket_timeout=0.2, retry=None) as client:
        server.pause()
        with pytest.raises(redis.TimeoutError):
            client.ping()
        server.resume()
        assert client.ping()


def test_a_killed_server_refuses_and_comes_back_empty_on_its_port(redis_url: str) -> None:
    """No persistence: what Redis held is gone with its process."""
    with RedisServer() as server:
        server.execute("SET", "key", "value")
        port = server.port
        server.kill()
        with pytest.raises(redis.ConnectionError):
            server.execute("PING")
        server.start()
        assert server.port == port
        assert server.execute("GET", "key") is None


def test_stopping_a_paused_server_does_not_hang(redis_url: str) -> None:
    """A test that fails between `pause` and `resume` still cleans up."""
    with RedisServer() as server:
        server.pause()
        server.stop()
        assert server.pid is None


def test_a_password_is_needed() -> None:
    """The URL carries the password; without it Redis refuses."""
    with required():
        server = RedisServer(password="s3cret")
    with server:
        assert server.execute("PING") is True
        with redis.Redis(port=server.port, retry=None) as stranger, pytest.raises(redis.AuthenticationError):
            stranger.ping()


def test_tls_is_verified() -> None:
    """The URL trusts the server's certificate; a client that trusts others only does not connect."""
    with required():
        server = RedisServer(tls=True)
    with server:
        assert server.url.startswith("rediss://")
        assert server.execute("PING") is True
        with (
            redis.Redis(port=server.port, ssl=True, retry=None) as stranger,
            pytest.raises(redis.ConnectionError),
        ):
            stranger.ping()


def test_a_promoted_replica_keeps_what_it_had_and_gets_no_more() -> None:
    """Promotion before the primary's last write is how a failover to older data is made."""
    with required():
        primary = RedisServer()
    with primary, RedisServer(replica_of=primary) as replica:
        primary.execute("SET", "key", "old")
        wait_until(replica.is_in_sync)
        replica.promote()
        primary.execute("SET", "key", "new")
        assert replica.execute("GET", "key") == b"old"


def test_a_sentinel_names_the_new_primary() -> None:
    """After a failover clients are sent to the former replica."""
    with required():
        primary = RedisServer()
    with primary, RedisServer(replica_of=primary) as replica, RedisSentinel(primary) as sentinel:
        assert sentinel.primary_port() == primary.port
        wait_until(replica.is_in_sync)
        wait_until(sentinel.can_fail_over)
        sentinel.fail_over()
        wait_until(lambda: sentinel.primary_port() == replica.port)


def test_a_cluster_serves_keys_of_every_slot() -> None:
    """A client that knows one node reaches all three."""
    with required():
        cluster = RedisCluster()
    with cluster, redis.RedisCluster.from_url(cluster.url) as client:
        for i in range(50):
            client.set(f"key-{i}", i)
        assert [client.get(f"key-{i}") for i in range(50)] == [str(i).encode() for i in range(50)]
        assert all(node.execute("DBSIZE") > 0 for node in cluster.nodes)
        client.disconnect_connection_pools()  # close() leaves them open

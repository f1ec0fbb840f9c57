"""One redis-py client per URL, with settings that a scheduler can live with."""

from __future__ import annotations

import inspect
from typing import Any, Protocol, cast

import redis
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode, RedisCluster
from redis.connection import AbstractConnection, ConnectionPool
from redis.credentials import UsernamePasswordCredentialProvider
from redis.retry import Retry
from redis.sentinel import Sentinel

from sched_cache.config import RedisUrl
from sched_cache.config.redis_url import Topology
from sched_cache.store.redis.deadline import (
    BoundedConnection,
    BoundedSentinelConnection,
    BoundedSentinelSSLConnection,
    BoundedSSLConnection,
    BoundedUnixConnection,
)
from sched_cache.store.redis.pool import RecentPool

_MAX_CONNECTIONS = 1 << 16
"""One per thread that is in a call; the pool's default of 100 would fail the 101st."""


class Pipeline(Protocol):
    """Commands sent together. What they return comes from `execute`, in their order."""

    def set(
        self, name: str, value: bytes, *, ex: int | None = None, px: int | None = None, nx: bool = False
    ) -> Any: ...
    def delete(self, *names: str) -> Any: ...
    def expire(self, name: str, time: int) -> Any: ...
    def execute(self) -> list[Any]: ...


class Client(Protocol):
    """The commands that the tier sends. Standalone, Sentinel, Cluster and fakeredis clients all have them."""

    def get(self, name: str) -> Any: ...
    def mget(self, keys: list[str]) -> Any: ...
    def delete(self, *names: str) -> Any: ...
    def publish(self, channel: str, message: bytes) -> Any: ...
    def pipeline(self, transaction: bool) -> Pipeline: ...
    def pubsub(self, **options: Any) -> Any: ...


def open_client(url: RedisUrl, timeout_seconds: float, attempt: int = 0) -> Client:
    """A client for `url`. Connects nothing, except for a cluster, which is asked for its nodes.

    Within a call (see `deadline.start_call`) all waits together end with the call. Nothing is retried or
    cached, and answers are bytes.

    Args:
        timeout_seconds: the longest single wait.
        attempt: of a cluster, whose nodes are asked in turn.

    Raises:
        redis.RedisError, redis.exceptions.RedisClusterException, OSError: no node of the cluster answered.
    """
    if url.topology is Topology.FAKE:
        from sched_cache.store.redis.fake import open_fake_client

        return open_fake_client(url.name)
    settings = _settings(url, timeout_seconds)
    if url.topology is Topology.CLUSTER:
        return _open_cluster(url, settings, attempt)
    settings |= {"db": url.db, "retry": Retry(NoBackoff(), 0), "max_connections": _MAX_CONNECTIONS}
    if url.topology is Topology.SENTINEL:
        return _open_sentinel(url, settings, timeout_seconds)
    if url.topology is Topology.UNIX:
        del settings["socket_keepalive"]
        pool = RecentPool(connection_class=BoundedUnixConnection, path=url.path, **settings)
    else:
        host, port = url.nodes[0]
        pool = RecentPool(connection_class=_tcp_class(url), host=host, port=port, **settings)
    return cast(Client, redis.Redis(connection_pool=pool))


def close_client(client: Client) -> None:
    """Closes every socket of `client`, which redis-py leaves to the pool that it was given."""
    if isinstance(client, RedisCluster):
        client.disconnect_connection_pools()  # type: ignore[no-untyped-call]  # redis-py
    elif isinstance(client, redis.Redis):
        client.connection_pool.disconnect()


def _settings(url: RedisUrl, timeout_seconds: float) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "credential_provider": _credentials(url.username, url.password),
        "socket_timeout": timeout_seconds,
        "socket_connect_timeout": timeout_seconds,
        "socket_keepalive": True,
        # RESP 2 needs no greeting, and pushes nothing that nobody here waits for.
        "protocol": 2,
    }
    # Nor does the server need to know the name of the client library: one round trip less to connect.
    parameters = inspect.signature(AbstractConnection.__init__).parameters
    settings |= {"driver_info": None} if "driver_info" in parameters else {"lib_name": "", "lib_version": ""}
    return settings | url.tls_options


def _credentials(username: str | None, password: str | None) -> UsernamePasswordCredentialProvider | None:
    # Given as a mere password, redis-py 5.1 to 7 print it in the errors of sentinels.
    return UsernamePasswordCredentialProvider(username, password) if username or password else None


def _tcp_class(url: RedisUrl) -> type[Any]:
    return BoundedSSLConnection if url.is_tls else BoundedConnection


def _open_sentinel(url: RedisUrl, settings: dict[str, Any], timeout_seconds: float) -> Client:
    # One sentinel that does not answer may not use up the time in which the next one could.
    share = timeout_seconds / (len(url.nodes) + 1)
    of_sentinels = settings | {
        "socket_timeout": share,
        "socket_connect_timeout": share,
        "credential_provider": _credentials(url.sentinel_username, url.sentinel_password),
        "db": 0,
    }
    sentinel = Sentinel([])  # type: ignore[no-untyped-call]  # redis-py
    sentinel.sentinels = [
        redis.Redis(
            connection_pool=ConnectionPool(
                connection_class=_tcp_class(url), host=host, port=port, **of_sentinels
            )
        )
        for host, port in url.nodes
    ]
    managed = BoundedSentinelSSLConnection if url.is_tls else BoundedSentinelConnection
    primary = sentinel.master_for(url.name, connection_class=managed, **settings)  # type: ignore[no-untyped-call]
    return cast(Client, primary)


def _open_cluster(url: RedisUrl, settings: dict[str, Any], attempt: int) -> Client:
    # Each attempt begins with another node, since the first one may eat up the time of the call.
    first = attempt % len(url.nodes)
    addresses = url.nodes[first:] + url.nodes[:first]
    nodes = [ClusterNode(*address) for address in addresses]  # type: ignore[no-untyped-call]  # redis-py
    # The retries of the cluster client itself, on top of those of its connections, which have none.
    retries = (
        {"retry": Retry(NoBackoff(), 0)}
        if int(redis.__version__.partition(".")[0]) >= 6
        else {"cluster_error_retry_attempts": 0}
    )
    host, port = addresses[0]
    host = f"[{host}]" if ":" in host else host
    return cast(
        Client,
        RedisCluster(
            # Only by URL does the client take a class for its connections.
            url=f"redis://{host}:{port}",
            startup_nodes=nodes[1:],
            connection_class=_tcp_class(url),
            require_full_coverage=False,
            **retries,
            **settings,
        ),
    )

"""One redis-py client per URL, with settings that suit a scheduler."""

from __future__ import annotations

from typing import Any, cast

import redis
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode, RedisCluster
from redis.retry import Retry

from sched_cache.config import RedisUrl
from sched_cache.config.redis_url import Topology
from sched_cache.store.redis.commands import Client
from sched_cache.store.redis.connection import connection_class, credentials, settings
from sched_cache.store.redis.pool import RecentPool

_MAX_CONNECTIONS = 1 << 16
"""One connection per thread that is in a call; with the default of 100, the 101st would fail."""


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
    options = settings(timeout_seconds)
    options |= {
        "connection_class": connection_class(url, timeout_seconds),
        "credential_provider": credentials(url.username, url.password),
    }
    if url.topology is Topology.CLUSTER:
        return _open_cluster(url, options, attempt)
    options |= {"db": url.db, "retry": Retry(NoBackoff(), 0), "max_connections": _MAX_CONNECTIONS}
    if url.topology is Topology.UNIX:
        options["host"], options["port"] = url.path, 0
    elif url.topology is Topology.STANDALONE:
        options["host"], options["port"] = url.nodes[0]
    return cast(Client, redis.Redis(connection_pool=RecentPool(**options)))


def close_client(client: Client) -> None:
    """Closes every socket of `client`; redis-py does not close a pool that it was given."""
    if isinstance(client, RedisCluster):
        client.disconnect_connection_pools()  # type: ignore[no-untyped-call]  # redis-py
    elif isinstance(client, redis.Redis):
        client.connection_pool.disconnect()


def _open_cluster(url: RedisUrl, options: dict[str, Any], attempt: int) -> Client:
    # Each attempt begins with another node, because the first node may use up the time of the call.
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
            # The client accepts a class for its connections only together with a URL.
            url=f"redis://{host}:{port}",
            startup_nodes=nodes[1:],
            require_full_coverage=False,
            **retries,
            **options,
        ),
    )

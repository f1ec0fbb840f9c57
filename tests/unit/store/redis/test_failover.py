"""Faults of a Redis in use cause no wrong read, no call over its limit, a quick recovery, and one log line."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import redis

from tests.contracts.l2 import wait_until
from tests.support.proxy import Proxy
from tests.support.redis_load import RedisLoad
from tests.support.servers import Certificate, RedisCluster, RedisSentinel, RedisServer, required
from tests.support.servers.process import program

TIMEOUT_SECONDS = 0.25
SLOWEST_SECONDS = 1.5
"""Three calls, those of a `fetch`, on a machine that runs eight other things."""
WELL_SECONDS = 7.0
"""Five were promised; the rest is for a busy machine."""


@contextmanager
def loaded(url: str) -> Iterator[RedisLoad]:
    """Readers and writers on `url`; afterwards what they must not have noticed is checked."""
    with RedisLoad(url, TIMEOUT_SECONDS) as load:
        load.await_well(30)
        yield load
    assert load.wrong == []
    assert load.errors == []
    assert load.n_calls > 100
    assert load.slowest_seconds < SLOWEST_SECONDS
    # Each of the two processes says each thing once, and nothing else.
    assert all(count <= 2 for count in load.said().values()), load.said()
    assert "a traceback was logged" not in load.said()


@pytest.fixture
def primary_and_replica() -> Iterator[tuple[RedisServer, RedisServer]]:
    with required():
        primary = RedisServer()
    with primary, RedisServer(replica_of=primary) as replica:
        wait_until(replica.is_in_sync)
        yield primary, replica


def test_primary_is_demoted_in_place(primary_and_replica: tuple[RedisServer, RedisServer]) -> None:
    """Its connections stay, and the name leads to another server: a service of Kubernetes, a managed Redis."""
    old, new = primary_and_replica
    with Proxy(old.port) as name, loaded(f"redis://127.0.0.1:{name.port}") as load:
        new.promote()
        old.execute("REPLICAOF", "127.0.0.1", str(new.port))
        load.await_trouble()
        name.target = ("127.0.0.1", new.port)
        load.await_well(WELL_SECONDS)
        assert load.said()["Redis refuses writes; what"] == 2
        before = new.execute("DBSIZE")
        wait_until(lambda: new.execute("DBSIZE") > before)


def test_sentinel_fails_over(primary_and_replica: tuple[RedisServer, RedisServer]) -> None:
    """On request: the old primary goes on as a replica."""
    primary, replica = primary_and_replica
    with RedisSentinel(primary) as sentinel:
        wait_until(sentinel.can_fail_over)
        with loaded(f"redis+sentinel://127.0.0.1:{sentinel.port}/{sentinel.service_name}") as load:
            sentinel.fail_over()
            wait_until(lambda: sentinel.primary_port() == replica.port)
            load.await_well(WELL_SECONDS)
            before = replica.execute("DBSIZE")
            wait_until(lambda: replica.execute("DBSIZE") > before)


def test_cluster_moves_slots() -> None:
    """A third of them, from one node to another, while they are read and written."""
    with required():
        cluster = RedisCluster()
        redis_cli = program("redis-cli")
    with cluster:
        nodes = ",".join(f"127.0.0.1:{node.port}" for node in cluster.nodes)
        with loaded(f"redis+cluster://{nodes}") as load:
            names = [node.execute("CLUSTER", "MYID").decode() for node in cluster.nodes]
            subprocess.run(
                [
                    redis_cli,
                    *("--cluster", "reshard", f"127.0.0.1:{cluster.nodes[0].port}"),
                    *("--cluster-from", names[0], "--cluster-to", names[1]),
                    *("--cluster-slots", "500", "--cluster-yes"),
                ],
                check=True,
                capture_output=True,
            )
            load.await_well(WELL_SECONDS)


def test_certificate_is_replaced() -> None:
    """The server's first, with new connections: then nothing is trusted. Then the file that clients trust."""
    with required():
        server = RedisServer(tls=True)
    with server, redis.Redis.from_url(server.url) as admin, loaded(server.url) as load:
        folder = server.folder / "new"
        folder.mkdir()
        if server.user is not None:
            shutil.chown(folder, server.user)
        new = Certificate.create(folder)
        admin.config_set("tls-cert-file", str(new.certificate_path), "tls-key-file", str(new.key_path))
        admin.client_kill_filter(_type="normal", skipme=True)
        admin.client_kill_filter(_type="pubsub")
        load.await_trouble()
        shutil.copy(new.certificate_path, server.folder / "certificate.pem")
        load.await_well(WELL_SECONDS)
        assert load.said()["Redis does not answer"] == 2


@pytest.mark.parametrize("change", ["-set", "-get", "resetkeys", "-publish", ">new <word"])
def test_rights_are_taken_and_given_back(change: str) -> None:
    """To write, to read, to the keys, to send messages; and another password, with new connections."""
    with required():
        server = RedisServer()
    everything = ("on", ">word", "~*", "&*", "+@all")
    with server, redis.Redis.from_url(server.url) as admin:
        admin.execute_command("ACL", "SETUSER", "limited", *everything)
        with loaded(server.url.replace("redis://", "redis://limited:word@")) as load:
            admin.execute_command("ACL", "SETUSER", "limited", *change.split())
            if ">" in change:
                admin.client_kill_filter(user="limited")
            load.await_trouble()
            admin.execute_command("ACL", "SETUSER", "limited", *everything)
            load.await_well(WELL_SECONDS)


@pytest.mark.parametrize("refusal", ["OOM", "MASTERDOWN", "LOADING"])
def test_refuses_for_a_while(refusal: str) -> None:
    """And takes everything again. A server that loads its data refuses commands and answers connections."""
    with required():
        server = RedisServer()
    with server, loaded(server.url) as load, redis.Redis.from_url(server.url) as admin:
        if refusal == "OOM":
            admin.config_set("maxmemory", 1)
            load.await_trouble()
            admin.config_set("maxmemory", 0)
        elif refusal == "MASTERDOWN":
            admin.config_set("replica-serve-stale-data", "no")
            admin.replicaof("127.0.0.1", "1")
            load.await_trouble()
            admin.replicaof("NO", "ONE")
        else:
            server.kill()
            load.await_trouble()
            server.start()
        load.await_well(WELL_SECONDS)


@pytest.mark.parametrize("trouble", ["stop", "trickle", "delay", "reset", "refuse"])
def test_the_network_fails_for_a_while(trouble: str) -> None:
    """In each of its ways."""
    with required():
        server = RedisServer()
    with server, Proxy(server.port) as proxy, loaded(f"redis://127.0.0.1:{proxy.port}") as load:
        if trouble == "delay":
            proxy.delay(0.1)
        else:
            getattr(proxy, trouble)()
        load.await_trouble()
        if trouble == "refuse":
            proxy.listen()
        proxy.forward()
        load.await_well(WELL_SECONDS)

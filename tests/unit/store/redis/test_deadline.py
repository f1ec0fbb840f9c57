"""One deadline for all that a call waits for, however slowly each part of it comes."""

from __future__ import annotations

import gc
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
import redis

from sched_cache.config import parse_redis_url
from sched_cache.store.l2 import Answer
from sched_cache.store.redis import deadline, dial
from sched_cache.store.redis.client import close_client, open_client
from sched_cache.store.redis.deadline import BoundedSocket, start_call
from sched_cache.store.redis.tier import RedisTier
from tests.contracts.l2 import (
    INCARNATION,
    Listener,
    client_of,
    counters,
    key_of,
    open_tier,
    part_of,
    pointer_to,
    wait_until,
)
from tests.support.proxy import Proxy
from tests.support.servers import RedisCluster, RedisSentinel, RedisServer, required

TIMEOUT_SECONDS = 0.3
ALLOWED_SECONDS = 3 * TIMEOUT_SECONDS
"""Of a call on a busy machine. Without a deadline each of them takes more than five seconds."""
PIECE_SECONDS = 0.1
DIGEST, PART = part_of("part", 2000)


def patient(url: str, **options: float) -> RedisTier:
    """A tier that asks each time, so that each call is measured."""
    return open_tier(
        url,
        redis_timeout_seconds=TIMEOUT_SECONDS,
        redis_breaker_failures=1000,
        tier_loss_seconds=60,
        **options,
    )


@pytest.fixture(params=["plain", "password", "tls", "sentinel", "sentinel itself", "cluster"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def proxied(kind: str, request: pytest.FixtureRequest) -> Iterator[tuple[Proxy, str]]:
    """A proxy in front of what is to be slow, and the URL that leads through it."""
    with ExitStack() as stack:
        if kind == "cluster":
            # Its nodes name themselves to the client, so only the first one is behind the proxy: at opening.
            cluster: RedisCluster = request.getfixturevalue("redis_cluster")
            proxy = stack.enter_context(Proxy(cluster.nodes[0].port))
            yield proxy, f"redis+cluster://127.0.0.1:{proxy.port}"
            return
        if kind in ("tls", "password"):
            server: RedisServer = request.getfixturevalue("secure_redis_server")
            if kind == "password":
                with required():
                    server = stack.enter_context(RedisServer(password="word"))
        else:
            server = request.getfixturevalue("redis_server")
        server.flush()
        if kind == "sentinel itself":
            sentinel: RedisSentinel = request.getfixturevalue("redis_sentinel")
            proxy = stack.enter_context(Proxy(sentinel.port))
            yield proxy, f"redis+sentinel://127.0.0.1:{proxy.port}/{sentinel.service_name}"
            return
        proxy = stack.enter_context(Proxy(server.port))
        if kind == "sentinel":
            lying = stack.enter_context(_NamingSentinel(proxy.port))
            yield proxy, f"redis+sentinel://127.0.0.1:{lying.port}/any"
            return
        yield proxy, server.url.replace(str(server.port), str(proxy.port))


class _NamingSentinel:
    """Answers every question with the same address."""

    def __init__(self, primary_port: int) -> None:
        self._answer = b"*2\r\n$9\r\n127.0.0.1\r\n$%d\r\n%d\r\n" % (len(str(primary_port)), primary_port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> _NamingSentinel:
        threading.Thread(target=self._run, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _run(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with client:
                while client.recv(65536):
                    client.sendall(self._answer)


CALLS: dict[str, Callable[[RedisTier], object]] = {
    "get": lambda tier: tier.get(DIGEST),
    "get_many": lambda tier: tier.get_many([DIGEST, part_of("absent")[0]]),
    "put_many": lambda tier: tier.put_many(dict([part_of(f"p{time.monotonic()}", 1000)])),
    "notify": lambda tier: tier.notify(pointer_to("a", 1, None), INCARNATION),
    "lease": lambda tier: tier.fetch(part_of(f"l{time.monotonic()}")[0], lambda: None),
}


@pytest.mark.parametrize("is_connected", [False, True], ids=["connecting", "connected"])
def test_a_trickle_is_cut_off_in_time(proxied: tuple[Proxy, str], kind: str, is_connected: bool) -> None:
    """One byte each tenth of a second, whether it is the greeting, a password's answer or a value."""
    proxy, url = proxied
    tier = patient(url)
    if is_connected:
        wait_until(lambda: tier.put_many({DIGEST: PART}))
    proxy.trickle(1, PIECE_SECONDS)
    for name, call in CALLS.items():
        started = time.monotonic()
        call(tier)
        assert time.monotonic() - started < ALLOWED_SECONDS, name
        if not is_connected:
            tier._link._abandon()
            gc.collect()  # the sockets go with the last that knows of them
    proxy.forward()
    wait_until(lambda: tier.put_many({DIGEST: PART}) and tier.get(DIGEST) == PART)
    tier.close()


@pytest.mark.parametrize("size", [200, 200_000, 5_000_000])
def test_a_value_that_trickles_is_cut_off_in_time(redis_server: RedisServer, size: int) -> None:
    """This holds for any size, and for every connection that existed before."""
    redis_server.flush()
    digest, part = part_of("large", size)
    with Proxy(redis_server.port) as proxy:
        tier = patient(f"redis://127.0.0.1:{proxy.port}", redis_compression_min_bytes=2**30)
        assert tier.put_many({digest: part})
        proxy.trickle(max(1, size // 200), 0.05)
        for _ in range(2):
            started = time.monotonic()
            assert tier.get(digest) is Answer.UNAVAILABLE
            assert tier.get_many([digest, DIGEST])[digest] is Answer.UNAVAILABLE
            assert time.monotonic() - started < 2 * ALLOWED_SECONDS
        tier.close()


def test_a_server_that_reads_slowly_is_cut_off_in_time(redis_server: RedisServer) -> None:
    """Nothing is read: what is sent fills the buffers of the system."""
    with Proxy(redis_server.port) as proxy:
        tier = patient(f"redis://127.0.0.1:{proxy.port}", redis_compression_min_bytes=2**30)
        assert tier.get(DIGEST) in (Answer.MISS, PART)
        proxy.stop()
        started = time.monotonic()
        assert not tier.put_many(dict([part_of("large", 20_000_000)]))
        assert time.monotonic() - started < ALLOWED_SECONDS + 1
        tier.close()


@pytest.mark.parametrize("scheme", ["redis", "rediss", "redis+sentinel", "redis+cluster"])
def test_a_name_that_is_not_resolved_is_left_behind(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's resolver takes half a minute when its servers are silent. Two threads of ours wait for it."""
    may_end = threading.Event()
    resolve = socket.getaddrinfo
    before = set(threading.enumerate())

    def hang(host: str, *args: object, **kwargs: object) -> object:
        if kwargs.get("flags") or host == "127.0.0.1":
            return resolve(host, *args, **kwargs)  # type: ignore[arg-type]  # as it was called
        may_end.wait(20)
        raise socket.gaierror("no answer")

    monkeypatch.setattr(dial, "_resolvers", [])
    monkeypatch.setattr(socket, "getaddrinfo", hang)
    path = "/s" if "sentinel" in scheme else ""
    tier = patient(f"{scheme}://cache.example{path}")
    for _ in range(4):
        started = time.monotonic()
        assert tier.get(DIGEST) is Answer.UNAVAILABLE
        assert time.monotonic() - started < ALLOWED_SECONDS
    new = set(threading.enumerate()) - before
    assert sum(thread.name == "sched-cache-resolver" for thread in new) <= 2
    may_end.set()
    tier.close()


def test_each_address_of_a_name_gets_its_share(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first one swallows what is sent to it, the second one answers."""
    resolve = socket.getaddrinfo
    with ExitStack() as stack:
        full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        while True:  # until the system drops what asks for a connection
            waiting = stack.enter_context(socket.socket())
            waiting.settimeout(0.2)
            try:
                waiting.connect(full.getsockname())
            except TimeoutError:
                break

        def two(host: str, port: int, *args: object, **kwargs: object) -> object:
            if host != "cache.example":
                return resolve(host, port, *args, **kwargs)  # type: ignore[arg-type]  # as it was called
            if kwargs.get("flags"):
                raise socket.gaierror("a name")
            kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
            return [(*kind, full.getsockname()), (*kind, ("127.0.0.1", port))]

        monkeypatch.setattr(socket, "getaddrinfo", two)
        tier = patient(f"redis://cache.example:{redis_server.port}")
        wait_until(lambda: tier.get(DIGEST) is not Answer.UNAVAILABLE)
        tier.close()


def test_the_channel_is_cut_off_too() -> None:
    """A message that begins to arrive and does not end; the subscriber joins again and hears the next."""
    with required():
        server = RedisServer()
    with server, Proxy(server.port) as proxy:
        tier, listener = patient(f"redis://127.0.0.1:{proxy.port}"), Listener()
        subscription = listener.subscribe(tier)
        subscription.start()
        listener.await_joined()
        proxy.trickle(1, PIECE_SECONDS)
        server.execute("PUBLISH", f"test:published:{INCARNATION}", b"x" * 1000)
        wait_until(lambda: not subscription.is_joined)
        proxy.forward()
        listener.await_joined(2)
        tier.close()


def test_no_call_means_no_longer_than_the_timeout_for_each_wait() -> None:
    """Commands of the command line start none."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = open_client(parse_redis_url(f"redis://127.0.0.1:{silent.getsockname()[1]}"), TIMEOUT_SECONDS)
        start_call(float("inf"))
        started = time.monotonic()
        with pytest.raises(redis.TimeoutError):
            client.get("a")
        assert time.monotonic() - started < ALLOWED_SECONDS
        close_client(client)


def test_reading_certificates_is_not_at_the_expense_of_redis(
    secure_redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of the system take as long as a call may; a probe that ends on them would never find Redis well."""
    make = dial._make_context

    def slowly(options: dict[str, object]) -> object:
        time.sleep(2 * TIMEOUT_SECONDS)
        return make(options)

    monkeypatch.setattr(dial, "_make_context", slowly)
    tier = patient(secure_redis_server.url)
    assert tier.get(part_of("absent")[0]) is Answer.MISS
    tier.close()


def test_no_process_wide_time_out_is_set(redis_url: str) -> None:
    """Nor a signal: the host's own sockets are as they were."""
    tier = patient(redis_url)
    tier.put_many({DIGEST: PART})
    assert socket.getdefaulttimeout() is None
    assert client_of(tier).get(key_of(DIGEST)) is not None
    assert counters(tier).errors == 0
    tier.close()


class _Peer:
    """A socket that answers at once, and notes each time-out that it is given."""

    def __init__(self) -> None:
        self.timeouts: list[float] = []

    def settimeout(self, seconds: float) -> None:
        self.timeouts.append(seconds)

    def sendall(self, data: bytes) -> None: ...

    def recv(self, n_bytes: int) -> bytes:
        return b"+OK\r\n"


class _Time:
    """In place of the module: time passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> _Time:
    clock = _Time()
    monkeypatch.setattr(deadline, "time", clock)
    return clock


def ask(bounded: BoundedSocket, clock: _Time, seconds: float, pause_seconds: float = 0.00002) -> None:
    start_call(seconds)
    bounded.sendall(b"PING\r\n")
    clock.now += pause_seconds
    bounded.recv(64)


def test_calls_that_are_answered_at_once_share_a_time_out(clock: _Time) -> None:
    """Each change of it is a system call."""
    peer = _Peer()
    bounded = BoundedSocket(peer, False, 60.0)
    for _ in range(100):
        ask(bounded, clock, 0.05)
    assert peer.timeouts == pytest.approx([0.05])


def test_a_time_out_is_renewed_when_time_has_passed(clock: _Time) -> None:
    """The answer gets the rest of the call, not the whole of it again."""
    peer = _Peer()
    bounded = BoundedSocket(peer, False, 60.0)
    ask(bounded, clock, 10.0, pause_seconds=0.05)
    ask(bounded, clock, 20.0)
    assert peer.timeouts == pytest.approx([10.0, 9.95, 20.0])


def test_the_last_milliseconds_of_a_call_are_exact(clock: _Time) -> None:
    peer = _Peer()
    bounded = BoundedSocket(peer, False, 60.0)
    for _ in range(2):
        ask(bounded, clock, 0.015, pause_seconds=0.0005)
    assert peer.timeouts == pytest.approx([0.015, 0.0145, 0.015, 0.0145])


def test_a_time_out_that_another_has_set_is_replaced(clock: _Time) -> None:
    """redis-py sets one to see whether data has come; it holds for the next receipt only."""
    peer = _Peer()
    bounded = BoundedSocket(peer, False, 60.0)
    ask(bounded, clock, 10.0)
    bounded.settimeout(0)
    bounded.recv(64)
    ask(bounded, clock, 10.0)
    assert peer.timeouts == pytest.approx([10.0, 0, 10.0])

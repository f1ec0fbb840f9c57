"""The packets and waits of a client, seen from the other end of the socket."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

import pytest
import redis

from sched_cache.config import parse_redis_url
from sched_cache.store.redis.client import open_client
from sched_cache.store.redis.deadline import start_call
from tests.support.servers.black_hole import black_hole

TIMEOUT_SECONDS = 0.3
PATIENCE_SECONDS = 10.0
ANY = (redis.RedisError, OSError)


class ScriptedServer:
    """Gives each connection to `serve` and keeps what was received."""

    def __init__(self, serve: Callable[[socket.socket, ScriptedServer], None]) -> None:
        self.received: list[bytes] = []
        self.n_connections = 0
        self._serve = serve
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._run)

    def read(self, connection: socket.socket) -> bytes:
        data = connection.recv(65536)
        if data:
            self.received.append(data)
        return data

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.n_connections += 1
            connection.settimeout(PATIENCE_SECONDS)
            with connection, suppress(OSError):
                self._serve(connection, self)

    def __enter__(self) -> ScriptedServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()


@contextmanager
def scripted(serve: Callable[[socket.socket, ScriptedServer], None]) -> Iterator[ScriptedServer]:
    with ScriptedServer(serve) as server:
        yield server


def answer_all(connection: socket.socket, server: ScriptedServer) -> None:
    while data := server.read(connection):
        connection.sendall(b"+OK\r\n" * data.count(b"*"))


def hang_up(connection: socket.socket, server: ScriptedServer) -> None:
    server.read(connection)


def answer_each_after(seconds: float) -> Callable[[socket.socket, ScriptedServer], None]:
    def serve(connection: socket.socket, server: ScriptedServer) -> None:
        while server.read(connection):
            time.sleep(seconds)
            connection.sendall(b"+OK\r\n")

    return serve


def test_says_nothing_but_the_command() -> None:
    """No greeting, no name of a library: the first round trip is the answer."""
    with scripted(answer_all) as server:
        client = open_client(parse_redis_url(f"redis://127.0.0.1:{server.port}"), 5.0)
        start_call(5.0)
        client.get("a")
        client.get("b")
        assert b"".join(server.received) == b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n*2\r\n$3\r\nGET\r\n$1\r\nb\r\n"
        assert server.n_connections == 1
        client.connection_pool.disconnect()  # type: ignore[attr-defined]  # of redis-py


def test_retries_nothing() -> None:
    """redis-py would try three times more and wait in between."""
    with scripted(hang_up) as server:
        client = open_client(parse_redis_url(f"redis://127.0.0.1:{server.port}"), 5.0)
        start_call(5.0)
        with pytest.raises(ANY):
            client.get("a")
        assert server.n_connections == 1


def test_all_waits_of_a_call_share_its_time() -> None:
    """Each answer comes within the timeout, but password, database and command together would take longer."""
    with scripted(answer_each_after(0.8 * TIMEOUT_SECONDS)) as server:
        url = parse_redis_url(f"redis://:word@127.0.0.1:{server.port}/5")
        client = open_client(url, TIMEOUT_SECONDS)
        start_call(TIMEOUT_SECONDS)
        started = time.monotonic()
        with pytest.raises(ANY):
            client.get("a")
        assert time.monotonic() - started < PATIENCE_SECONDS / 2
        assert not any(b"GET" in data for data in server.received)


def test_connecting_ends_with_the_call() -> None:
    """However long one wait may be by itself: nobody answers the greeting of TLS."""
    with black_hole() as port:
        client = open_client(parse_redis_url(f"rediss://127.0.0.1:{port}"), PATIENCE_SECONDS)
        start_call(TIMEOUT_SECONDS)
        started = time.monotonic()
        with pytest.raises(ANY):
            client.get("a")
        assert time.monotonic() - started < PATIENCE_SECONDS / 2


def test_a_call_that_is_over_does_not_shorten_the_next() -> None:
    """The connection is the same, the time begins anew."""
    with scripted(answer_each_after(0.6 * TIMEOUT_SECONDS)) as server:
        client = open_client(parse_redis_url(f"redis://127.0.0.1:{server.port}"), TIMEOUT_SECONDS)
        for _ in range(3):
            start_call(TIMEOUT_SECONDS)
            client.get("a")
        assert server.n_connections == 1
        client.connection_pool.disconnect()  # type: ignore[attr-defined]  # of redis-py


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"$abc\r\n", b"*-5\r\n", b"\x00" * 100, b"$5\r\nabc"]
)
def test_nonsense_is_an_error_in_time(answer: bytes) -> None:
    """Something else listens on the port. Whatever is raised is among what the link takes for no answer."""
    from sched_cache.store.redis.link import FAILURES

    def serve(connection: socket.socket, server: ScriptedServer) -> None:
        server.read(connection)
        connection.sendall(answer)
        connection.recv(1)  # until the client gives up

    with scripted(serve) as server:
        client = open_client(parse_redis_url(f"redis://127.0.0.1:{server.port}"), TIMEOUT_SECONDS)
        start_call(TIMEOUT_SECONDS)
        with suppress(*FAILURES):
            assert client.get("a") is None or answer == b"*-5\r\n"
        client.connection_pool.disconnect()  # type: ignore[attr-defined]  # of redis-py


def test_more_than_a_hundred_threads_may_ask_at_once() -> None:
    """The default pool fails the hundred and first with an error that looks like Redis being down."""
    n_threads = 110
    all_have_asked = threading.Barrier(n_threads)

    def answer_when_all_have_asked(connection: socket.socket, server: ScriptedServer) -> None:
        own = connection.dup()

        def serve() -> None:
            with own:
                server.read(own)
                all_have_asked.wait(30)
                own.sendall(b"+OK\r\n")

        threading.Thread(target=serve).start()

    with scripted(answer_when_all_have_asked) as server:
        client = open_client(parse_redis_url(f"redis://127.0.0.1:{server.port}"), 30.0)

        def ask(_: int) -> object:
            start_call(30.0)
            return client.get("a")

        with ThreadPoolExecutor(n_threads) as threads:
            assert list(threads.map(ask, range(n_threads))) == [b"OK"] * n_threads
        client.connection_pool.disconnect()  # type: ignore[attr-defined]  # of redis-py


def test_a_connection_is_closed_by_two_threads_at_once() -> None:
    """As at the end of a process, when a background thread gives up an answer that comes without end."""
    with scripted(lambda connection, server: server.read(connection)) as server:
        client = open_client(parse_redis_url(f"redis://127.0.0.1:{server.port}"), 30.0)
        assert isinstance(client, redis.Redis)
        connection: Any = client.connection_pool.make_connection()
        start_call(30.0)
        connection.connect()
        connection._sock = _ClosedByAnotherThread(connection)
        connection.disconnect()
        assert connection._sock is None


class _ClosedByAnotherThread:
    """A socket whose connection another thread closes between the two steps of closing it."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._socket = connection._sock

    def shutdown(self, how: int) -> None:
        self._connection._sock = None
        self._socket.close()

    def close(self) -> None:
        self._socket.close()

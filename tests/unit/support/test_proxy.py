"""The proxy that other tests put in front of a server."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.support.proxy import Proxy

SILENCE_SECONDS = 0.2


class _EchoServer:
    """Sends back everything; ends a connection when the client has."""

    def __init__(self, prefix: bytes = b"") -> None:
        self._prefix = prefix
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            while chunk := connection.recv(65536):
                connection.sendall(self._prefix + chunk)


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    server = _EchoServer()
    with Proxy(server.port) as proxy:
        yield proxy
    server.close()


def _connected(proxy: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=10)


def _received(client: socket.socket, n_bytes: int) -> bytes:
    received = b""
    while len(received) < n_bytes:
        chunk = client.recv(n_bytes - len(received))
        if not chunk:
            break
        received += chunk
    return received


def _is_silent(client: socket.socket) -> bool:
    client.settimeout(SILENCE_SECONDS)
    try:
        return not client.recv(1)
    except TimeoutError:
        return True
    finally:
        client.settimeout(10)


def test_forwards_both_directions_and_the_end(proxy: Proxy) -> None:
    """Large bodies too."""
    with _connected(proxy) as client:
        body = bytes(range(256)) * 4000
        threading.Thread(target=client.sendall, args=(body,)).start()
        assert _received(client, len(body)) == body
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b""
    assert proxy.n_connections == 1


def test_delays(proxy: Proxy) -> None:
    """And from one moment to the next no longer."""
    with _connected(proxy) as client:
        proxy.delay(0.3)
        started = time.monotonic()
        client.sendall(b"a")
        assert _received(client, 1) == b"a"
        assert time.monotonic() - started >= 0.3
        proxy.delay(60)
        client.sendall(b"b")
        assert _is_silent(client)
        proxy.forward()
        assert _received(client, 1) == b"b"


def test_trickles(proxy: Proxy) -> None:
    """One piece after the other, until told otherwise."""
    with _connected(proxy) as client:
        proxy.trickle(2, 0.05)
        started = time.monotonic()
        client.sendall(b"abcdefgh")
        assert client.recv(100) == b"ab"
        assert _received(client, 6) == b"cdefgh"
        assert time.monotonic() - started >= 0.15
        proxy.trickle(1, 60)
        client.sendall(b"xyz")
        assert _received(client, 1) == b"x"
        assert _is_silent(client)
        proxy.forward()
        assert _received(client, 2) == b"yz"


def test_stops_and_goes_on(proxy: Proxy) -> None:
    """On old and new connections nothing arrives, and nothing is lost."""
    with _connected(proxy) as old:
        old.sendall(b"1")
        assert _received(old, 1) == b"1"
        proxy.stop()
        with _connected(proxy) as new:
            old.sendall(b"2")
            new.sendall(b"3")
            assert _is_silent(old)
            assert _is_silent(new)
            proxy.forward()
            assert _received(old, 1) == b"2"
            assert _received(new, 1) == b"3"


def test_resets_open_and_new_connections(proxy: Proxy) -> None:
    """The client sees a reset, not an orderly end, also when the proxy was stopped."""
    with _connected(proxy) as client:
        client.sendall(b"1")
        assert _received(client, 1) == b"1"
        proxy.stop()
        client.sendall(b"2")
        proxy.reset()
        with pytest.raises(ConnectionResetError):
            client.recv(1)
    with pytest.raises(OSError), _connected(proxy) as late:
        late.sendall(b"3")
        if not late.recv(1):
            raise ConnectionResetError
    proxy.forward()
    with _connected(proxy) as client:
        client.sendall(b"4")
        assert _received(client, 1) == b"4"


def test_cuts_only_what_is_open(proxy: Proxy) -> None:
    """A new connection is served at once."""
    with _connected(proxy) as client:
        client.sendall(b"1")
        assert _received(client, 1) == b"1"
        proxy.cut()
        with pytest.raises(ConnectionResetError):
            client.recv(1)
    with _connected(proxy) as client:
        client.sendall(b"2")
        assert _received(client, 1) == b"2"


def test_refuses_and_listens_again(proxy: Proxy) -> None:
    """On the same port."""
    proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        _connected(proxy)
    proxy.listen()
    with _connected(proxy) as client:
        client.sendall(b"1")
        assert _received(client, 1) == b"1"


def test_points_elsewhere_for_new_connections_only(proxy: Proxy) -> None:
    """As a name in DNS does."""
    other = _EchoServer(b"other ")
    with _connected(proxy) as old:
        old.sendall(b"1")
        assert _received(old, 1) == b"1"
        proxy.target = ("127.0.0.1", other.port)
        with _connected(proxy) as new:
            new.sendall(b"2")
            assert _received(new, 7) == b"other 2"
        old.sendall(b"3")
        assert _received(old, 1) == b"3"
    other.close()

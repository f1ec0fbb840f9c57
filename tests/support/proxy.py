"""A TCP proxy between a client and its server, whose behaviour a test changes while connections are open."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Self

_MAX_CHUNK_BYTES = 1 << 16
_NO_LINGER = struct.pack("ii", 1, 0)
"""Closing a socket with this option sends a reset instead of an orderly end."""


@dataclass(frozen=True, slots=True)
class _Behaviour:
    """How bytes of the server reach the client, and what becomes of new connections."""

    delay_seconds: float = 0.0
    piece_bytes: int = _MAX_CHUNK_BYTES
    pause_seconds: float = 0.0
    is_stopped: bool = False
    resets_new: bool = False


class Proxy:
    """Forwards connections to `target`; safe to steer from any thread.

    A new behaviour holds at once, also for bytes that are on their way: what `stop` held back arrives after
    `forward`. Delays apply to the answers of the server, a stop to both directions. A proxy whose `target` is
    changed behaves as a name that points elsewhere: open connections stay where they are.

    target: (host, port) of the server for connections that are accepted from now on.
    """

    def __init__(self, target: tuple[str, int] | int) -> None:
        self.target = ("127.0.0.1", target) if isinstance(target, int) else target
        self.n_connections = 0
        self._changed = threading.Condition()
        # Guarded by _changed.
        self._behaviour = _Behaviour()
        self._is_closed = False
        self._sockets: set[socket.socket] = set()
        self._cut: set[socket.socket] = (
            set()
        )  # of these; a pump that is woken must know before they are closed
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port: int = self._listener.getsockname()[1]
        self._start(self._accept, self._listener)

    def forward(self) -> None:
        """Passes everything on at once, as after the start."""
        self._set(_Behaviour())

    def delay(self, seconds: float) -> None:
        """Each chunk of an answer arrives `seconds` late."""
        self._set(_Behaviour(delay_seconds=seconds))

    def trickle(self, n_bytes: int = 1, every_seconds: float = 0.03) -> None:
        """Answers arrive in pieces of `n_bytes`, with `every_seconds` between them."""
        self._set(_Behaviour(piece_bytes=n_bytes, pause_seconds=every_seconds))

    def stop(self) -> None:
        """Accepts connections and bytes, and passes nothing on in either direction."""
        self._set(_Behaviour(is_stopped=True))

    def reset(self) -> None:
        """Resets all connections, and each new one as soon as it is accepted."""
        self._cut_open(_Behaviour(resets_new=True))

    def cut(self) -> None:
        """Resets the connections that are open now. New ones are treated as before."""
        self._cut_open(self._behaviour)

    def refuse(self) -> None:
        """Resets all connections and gives up the port: new ones are refused until `listen`."""
        self._end_listener()
        self.cut()

    def listen(self) -> None:
        """Takes the port again after `refuse`."""
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=512)
        self._start(self._accept, self._listener)

    @property
    def n_open(self) -> int:
        """Connections of clients that are open now."""
        with self._changed:
            return len(self._sockets) // 2

    def close(self) -> None:
        """Resets everything and gives up the port."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        self.refuse()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _cut_open(self, behaviour: _Behaviour) -> None:
        # In one step: what the proxy held back until now must not arrive before the reset does.
        with self._changed:
            sockets = list(self._sockets)
            self._cut |= self._sockets
            self._behaviour = behaviour
            self._changed.notify_all()
        for connection in sockets:
            _reset(connection)

    def _set(self, behaviour: _Behaviour) -> None:
        with self._changed:
            self._behaviour = behaviour
            self._changed.notify_all()

    def _end_listener(self) -> None:
        with suppress(OSError):  # closed before
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread in `accept`
        self._listener.close()

    @staticmethod
    def _start(run: Callable[..., None], *arguments: object) -> threading.Thread:
        thread = threading.Thread(target=run, args=arguments, name="test-proxy", daemon=True)
        thread.start()
        return thread

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return  # the port was given up
            self.n_connections += 1
            if self._behaviour.resets_new:
                _reset(client)
                continue
            self._start(self._connect, client)

    def _connect(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(self.target, timeout=10)
        except OSError:
            _reset(client)
            return
        server.settimeout(None)
        for connection in (client, server):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._changed:
            self._sockets |= {client, server}
            is_closed = self._is_closed
        if is_closed:
            self.cut()
        requests = self._start(self._pump, client, server, False)
        self._pump(server, client, True)
        requests.join()
        with self._changed:
            self._sockets -= {client, server}
            self._cut -= {client, server}
        client.close()
        server.close()

    def _pump(self, source: socket.socket, sink: socket.socket, is_answer: bool) -> None:
        """Passes on what `source` sends until it ends; an orderly end is passed on as one."""
        try:
            while chunk := source.recv(_MAX_CHUNK_BYTES):
                self._pass_on(chunk, sink, is_answer)
            self._await_turn(0.0, sink)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            _reset(source)
            _reset(sink)

    def _pass_on(self, chunk: bytes, sink: socket.socket, is_answer: bool) -> None:
        received_at = time.monotonic()
        while chunk:
            behaviour = self._await_turn(received_at if is_answer else 0.0, sink)
            n_bytes = behaviour.piece_bytes if is_answer else len(chunk)
            sink.sendall(chunk[:n_bytes])
            chunk = chunk[n_bytes:]
            if chunk and behaviour.pause_seconds:
                self._pause(behaviour)

    def _pause(self, behaviour: _Behaviour) -> None:
        """Waits between two pieces, and no longer than the behaviour holds."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._behaviour is not behaviour or self._is_closed, behaviour.pause_seconds
            )

    def _await_turn(self, received_at: float, sink: socket.socket) -> _Behaviour:
        """Waits while the proxy is stopped, and until an answer received at that time is late enough.

        Raises ConnectionResetError: the connection has been cut, so nothing may be sent to `sink`, its end neither.
        """
        with self._changed:
            while not self._is_closed:
                if sink in self._cut:
                    raise ConnectionResetError
                behaviour = self._behaviour
                if behaviour.is_stopped:
                    self._changed.wait()
                    continue
                remaining = received_at + behaviour.delay_seconds - time.monotonic() if received_at else 0.0
                if remaining <= 0:
                    break
                self._changed.wait(remaining)
            return self._behaviour


def _reset(connection: socket.socket) -> None:
    """Ends `connection` at once, also for a thread that is reading from it."""
    with suppress(OSError):  # closed before
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        # Wakes a thread that is reading, and sends nothing: the reset is the first that the other end sees.
        connection.shutdown(socket.SHUT_RD)
    connection.close()

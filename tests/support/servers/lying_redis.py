"""A Redis that answers every command at once, and wrongly."""

from __future__ import annotations

import itertools
import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from io import BufferedIOBase
from types import TracebackType
from typing import TYPE_CHECKING, Any

import msgpack

if TYPE_CHECKING:
    from typing_extensions import Self

_N_REMEMBERED = 64
_FIRST_MESSAGE = msgpack.packb([1, "nonsense", 10, 10, "0" * 32])


class LyingRedis:
    """Speaks enough of the protocol for clients that keep strings and listen to channels.

    A read returns what was written under another key, that value with one byte changed, or bytes of its own. A key
    that is written only if it is absent is there already, so every lease belongs to another client. A subscriber hears
    `messages_per_second` forged messages: real ones with other numbers, keys and hashes.
    """

    def __init__(self, *, messages_per_second: float = 200.0) -> None:
        self.messages_per_second = messages_per_second
        self.n_lies = 0
        self._values: list[bytes] = []
        self._messages: list[bytes] = [_FIRST_MESSAGE]
        self._turns = itertools.count()
        lying = self

        class Connection(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                with suppress(OSError, ValueError):
                    lying._serve(self.rfile, self.connection)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            allow_reuse_address = True
            request_queue_size = 512

        self._server = Server(("127.0.0.1", 0), Connection)
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, name="lying-redis", daemon=True).start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def close(self) -> None:
        """Accepts no more connections. Those that are open end with their clients."""
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _serve(self, requests: BufferedIOBase, connection: socket.socket) -> None:
        answering = threading.Lock()
        for name, *arguments in _commands(requests):
            answer = self._answer(name.upper(), arguments)
            with answering:
                connection.sendall(answer)
            if name.upper() == b"SUBSCRIBE":
                forging = threading.Thread(
                    target=self._forge, args=(arguments[0], connection, answering), daemon=True
                )
                forging.start()

    def _answer(self, name: bytes, arguments: list[bytes]) -> bytes:
        if name == b"GET":
            return _bulk(self._lie())
        if name == b"MGET":
            return b"*%d\r\n" % len(arguments) + b"".join(_bulk(self._lie()) for _ in arguments)
        if name == b"SET":
            self._values = [*self._values[-_N_REMEMBERED:], arguments[1]]
            return _bulk(None) if b"NX" in map(bytes.upper, arguments[2:]) else b"+OK\r\n"
        if name == b"PUBLISH":
            self._messages = [*self._messages[-_N_REMEMBERED:], arguments[1]]
            return b":1\r\n"
        if name == b"SUBSCRIBE":
            return b"*3\r\n" + _bulk(b"subscribe") + _bulk(arguments[0]) + b":1\r\n"
        if name == b"PING":
            return b"*2\r\n" + _bulk(b"pong") + _bulk(b"") if arguments else b"+PONG\r\n"
        if name in (b"DEL", b"UNLINK", b"EXPIRE", b"PEXPIRE", b"EXISTS"):
            return b":1\r\n"
        if name in (b"EVAL", b"EVALSHA", b"HELLO"):
            return b"-ERR unknown command\r\n"
        return b"+OK\r\n"

    def _lie(self) -> bytes:
        self.n_lies += 1
        values, turn = self._values, next(self._turns)
        if turn % 3 == 0 or not values:
            return bytes(turn % 251 for _ in range(turn % 200))
        value = bytearray(values[turn % len(values)])
        if turn % 3 == 1 and value:
            value[turn % len(value)] ^= 0x40
        return bytes(value)

    def _forge(self, channel: bytes, connection: socket.socket, answering: threading.Lock) -> None:
        while True:
            message = self._forged()
            with suppress(OSError), answering:
                connection.sendall(b"*3\r\n" + _bulk(b"message") + _bulk(channel) + _bulk(message))
                self.n_lies += 1
                time.sleep(0)
            if connection.fileno() < 0:
                return
            time.sleep(1 / self.messages_per_second)

    def _forged(self) -> bytes:
        turn = next(self._turns)
        message = self._messages[turn % len(self._messages)]
        try:
            fields = msgpack.unpackb(message)
        except (ValueError, msgpack.UnpackException):
            return message
        if not isinstance(fields, list):
            return message
        forged: bytes = msgpack.packb([fields[0], *(_otherwise(field, turn) for field in fields[1:])])
        return forged


def _otherwise(field: Any, turn: int) -> Any:
    """Another value of the same kind; now and then the field itself, so that some lies are half true."""
    if turn % 4 == 0:
        return field
    if type(field) is int:
        return field + 1 + turn % 5
    if isinstance(field, str) and len(field) == 32:
        return f"{turn:032x}" if turn % 4 == 1 else None
    return field


def _bulk(value: bytes | None) -> bytes:
    return b"$-1\r\n" if value is None else b"$%d\r\n%s\r\n" % (len(value), value)


def _commands(requests: BufferedIOBase) -> Iterator[list[bytes]]:
    """One list of words for each command, until the client ends."""
    while line := requests.readline():
        words = []
        for _ in range(int(line[1:])):
            length = int(requests.readline()[1:])
            words.append(requests.read(length))
            requests.read(2)
        yield words

"""Opens sockets to Redis; every step observes the deadline of the call."""

from __future__ import annotations

import socket
import ssl
import time
from typing import Any

from sched_cache import fork
from sched_cache.config import RedisUrl
from sched_cache.store.redis.deadline import BoundedSocket, extend_call, remaining_seconds
from sched_cache.store.workers import Workers

_RESOLVERS = 2
_resolvers: list[Workers] = []

_VERIFY_MODES = {"none": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}

_Address = tuple[Any, Any, int, Any]
"""Family, type, protocol and address, as `socket.getaddrinfo` has them."""


class Dial:
    """Opens the sockets of one client. Certificate files are read once, on first use.

    timeout_seconds: the limit of a single wait; all waits together end with the call.
    """

    def __init__(self, url: RedisUrl, timeout_seconds: float) -> None:
        self._url = url
        self._timeout_seconds = timeout_seconds
        self._context: ssl.SSLContext | None = None

    def tcp(self, host: str, port: int) -> BoundedSocket:
        """A connection to the first address of `host` that accepts one, with TLS if the URL says so.

        Raises:
            OSError: no address accepts, the name is unknown, or a certificate is not trusted; TimeoutError.
        """
        context = self._tls_context() if self._url.is_tls else None
        error: OSError = OSError(f"{host} has no address")
        addresses = _resolve(host, port, self._timeout_seconds)
        for number, address in enumerate(addresses):
            try:
                share = remaining_seconds(self._timeout_seconds) / (len(addresses) - number)
                connected: Any = _connect(address, share)
            except OSError as failure:
                error = failure
                continue
            if context is not None:
                connected = _greet(connected, context, host, self._timeout_seconds)
            return BoundedSocket(connected, context is not None, self._timeout_seconds)
        raise error

    def unix(self, path: str) -> BoundedSocket:
        """A connection to the socket file `path`. Raises OSError."""
        address = (socket.AF_UNIX, socket.SOCK_STREAM, 0, path)
        connected = _connect(address, remaining_seconds(self._timeout_seconds))
        return BoundedSocket(connected, False, self._timeout_seconds)

    def _tls_context(self) -> ssl.SSLContext:
        context = self._context
        if context is None:
            # Reading the certificates of the system takes as long as a call may take, so each client does it once.
            started = time.monotonic()
            with fork.held_off():
                context = self._context = _make_context(self._url.tls_options)
            extend_call(time.monotonic() - started)
        return context


def _make_context(options: dict[str, Any]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    verify_mode = _VERIFY_MODES[options.get("ssl_cert_reqs", "required")]
    context.check_hostname = verify_mode != ssl.CERT_NONE and options.get("ssl_check_hostname", True)
    context.verify_mode = verify_mode
    if "ssl_certfile" in options or "ssl_keyfile" in options:
        # One file may contain both.
        certificate = options.get("ssl_certfile") or options["ssl_keyfile"]
        # A function, because OpenSSL would ask the terminal without one.
        password = options.get("ssl_password", "")
        context.load_cert_chain(certificate, options.get("ssl_keyfile"), lambda: password)
    if "ssl_ca_certs" in options or "ssl_ca_path" in options:
        context.load_verify_locations(options.get("ssl_ca_certs"), options.get("ssl_ca_path"))
    elif verify_mode != ssl.CERT_NONE:
        context.load_default_certs()
    return context


def _resolve(host: str, port: int, timeout_seconds: float) -> list[_Address]:
    """The addresses of `host`. The resolver of the system has no time-out, so it runs on a thread of ours."""
    try:
        return _addresses(host, port, socket.AI_NUMERICHOST)
    except socket.gaierror:
        pass  # it is a name
    if not _resolvers:
        _resolvers.append(Workers(_RESOLVERS, "sched-cache-resolver"))
    try:
        return _resolvers[0].run(lambda: _addresses(host, port, 0), remaining_seconds(timeout_seconds))
    except TimeoutError as error:
        raise TimeoutError(f"the name {host} was not resolved: {error}") from None
    except UnicodeError:
        raise OSError(f"{host} is no name of a host") from None


def _addresses(host: str, port: int, flags: int) -> list[_Address]:
    with fork.held_off():  # the resolver has locks of its own
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    return [(family, kind, protocol, address) for family, kind, protocol, _, address in found]


def _connect(address: _Address, seconds: float) -> socket.socket:
    family, kind, protocol, place = address
    connected = socket.socket(family, kind, protocol)
    try:
        if family != socket.AF_UNIX:
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        connected.settimeout(seconds)
        connected.connect(place)
    except BaseException:
        connected.close()
        raise
    return connected


def _greet(
    connected: socket.socket, context: ssl.SSLContext, host: str, timeout_seconds: float
) -> ssl.SSLSocket:
    try:
        connected.settimeout(remaining_seconds(timeout_seconds))
        with fork.held_off():  # and so has OpenSSL
            return context.wrap_socket(connected, server_hostname=host)
    except ValueError as error:  # a host that no certificate can name
        connected.close()
        raise OSError(str(error)) from None
    except BaseException:
        connected.close()
        raise

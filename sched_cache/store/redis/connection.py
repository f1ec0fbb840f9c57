"""Connections of redis-py on our own sockets, for each kind of Redis deployment."""

from __future__ import annotations

import inspect
from contextlib import suppress
from typing import Any, ClassVar

from redis.connection import AbstractConnection, Connection
from redis.credentials import UsernamePasswordCredentialProvider
from redis.exceptions import ClusterDownError, RedisError, ResponseError, TryAgainError
from redis.sentinel import MasterNotFoundError

from sched_cache.config import RedisUrl
from sched_cache.config.redis_url import Topology
from sched_cache.store.redis.deadline import BoundedSocket, share_of_call
from sched_cache.store.redis.dial import Dial


class _Tcp(Connection):
    """A connection to the host and port that the pool names."""

    dial: ClassVar[Dial]

    def _connect(self) -> BoundedSocket:
        return self.dial.tcp(self.host, int(self.port))

    def disconnect(self, *args: Any, **kwargs: Any) -> None:
        """Closes the socket, also while another thread does so; redis-py 4 raises an `AttributeError` then."""
        with suppress(AttributeError):
            super().disconnect(*args, **kwargs)  # type: ignore[no-untyped-call]  # redis-py


class _Unix(_Tcp):
    """A connection through the socket file that replaces a host."""

    def _connect(self) -> BoundedSocket:
        return self.dial.unix(self.host)


class _OfClusterNode(_Tcp):
    """A connection without the pauses that the cluster client of redis-py makes after some refusals."""

    def read_response(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().read_response(*args, **kwargs)
        except ClusterDownError as error:
            raise ResponseError(f"CLUSTERDOWN {error}") from None
        except TryAgainError as error:
            raise ResponseError(f"TRYAGAIN {error}") from None


class _BySentinel(_Tcp):
    """A connection to the server that the sentinels name as the primary at that time."""

    url: ClassVar[RedisUrl]
    sentinel_settings: ClassVar[dict[str, Any]]
    sentinel_class: ClassVar[type[_Tcp]]

    def _connect(self) -> BoundedSocket:
        self.host, self.port = self._primary()
        return super()._connect()

    def _primary(self) -> tuple[str, int]:
        """Asks one sentinel after the other; a sentinel that does not answer must not use up the time of the next."""
        reasons = []
        for number, (host, port) in enumerate(self.url.nodes):
            try:
                with share_of_call(1 / (len(self.url.nodes) + 1 - number)):
                    return self._ask(host, port)
            except (RedisError, OSError, ValueError) as error:
                reasons.append(f"{host}:{port} {type(error).__name__}: {error}")
        raise MasterNotFoundError(f"no sentinel names a primary for {self.url.name!r}: {'; '.join(reasons)}")

    def _ask(self, host: str, port: int) -> tuple[str, int]:
        sentinel: Any = self.sentinel_class(host=host, port=port, **self.sentinel_settings)
        try:
            sentinel.connect()
            sentinel.send_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self.url.name)
            reply = sentinel.read_response()
        finally:
            sentinel.disconnect()
        match reply:
            case None:
                raise ValueError("does not know this name")
            case [bytes(primary), bytes(text)] if text.isdigit() and 0 < int(text) < 65536:
                return primary.decode("ascii"), int(text)
        raise ValueError("answers nonsense")


def connection_class(url: RedisUrl, timeout_seconds: float) -> type[Any]:
    """The class of the connections of one client. The class itself has the settings, because the cluster client of
    redis-py passes on only settings that it knows.
    """
    facts: dict[str, Any] = {"dial": Dial(url, timeout_seconds)}
    base: type[Any] = _Tcp
    if url.topology is Topology.UNIX:
        base = _Unix
    elif url.topology is Topology.CLUSTER:
        base = _OfClusterNode
    elif url.topology is Topology.SENTINEL:
        base = _BySentinel
        facts |= {
            "url": url,
            "sentinel_class": type("OfSentinel", (_Tcp,), dict(facts)),
            "sentinel_settings": {
                **settings(timeout_seconds),
                "credential_provider": credentials(url.sentinel_username, url.sentinel_password),
            },
        }
    return type(f"Bounded{base.__name__.strip('_')}", (base,), facts)


def credentials(username: str | None, password: str | None) -> UsernamePasswordCredentialProvider | None:
    """The credentials in the form of redis-py. If given a plain password, redis-py 5.1 to 7 print it in errors."""
    return UsernamePasswordCredentialProvider(username, password) if username or password else None


def settings(timeout_seconds: float) -> dict[str, Any]:
    """The settings of every connection that this release of redis-py knows."""
    wanted: dict[str, Any] = {
        "socket_timeout": timeout_seconds,
        # RESP 2 needs no greeting, and the server pushes no messages that this client does not expect.
        "protocol": 2,
        # The server does not need the name of the client library: this saves a round trip.
        "driver_info": None,
        "lib_name": "",
        "lib_version": "",
    }
    known = {**inspect.signature(AbstractConnection.__init__).parameters, "socket_timeout": None}
    if "driver_info" in known:
        del wanted["lib_name"], wanted["lib_version"]  # naming them too is deprecated
    return {name: value for name, value in wanted.items() if name in known}

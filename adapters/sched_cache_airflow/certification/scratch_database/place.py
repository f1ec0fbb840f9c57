"""The place of a database: its server and its name there, however its URL is spelt."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from sqlalchemy.engine import URL, make_url

_FAMILIES: Final = {"mariadb": "mysql", "postgres": "postgresql"}
_PORTS: Final = {"postgresql": 5432, "mysql": 3306}
_THIS_MACHINE: Final = "this machine"

Resolve = Callable[[str], Iterable[str]]
"""A name of a machine -> its addresses. Raises OSError."""


def addresses_of(name: str) -> list[str]:
    """The addresses of a machine."""
    return sorted({str(found[4][0]) for found in socket.getaddrinfo(name, None)})


@dataclass(frozen=True, slots=True)
class Place:
    """The server and the name of a database.

    family: the kind of server; drivers play no part. servers: (address, port) of each machine that may have it, where
    every address of this machine is the same one. name: of the database; the path of a file.
    """

    family: str
    servers: frozenset[tuple[str, int]]
    name: str

    @classmethod
    def of(cls, url: str, resolve: Resolve = addresses_of) -> Place:
        """The place that a URL names. Credentials and options play no part.

        Raises:
            OSError: the name of a server cannot be resolved.
            sqlalchemy.exc.ArgumentError: this is no URL.
        """
        parts = make_url(url)
        family = parts.get_backend_name()
        family = _FAMILIES.get(family, family)
        if family == "sqlite":
            return cls(family, frozenset(), _path(parts.database or ""))
        own = {_THIS_MACHINE, *_own_addresses(resolve)}
        servers: set[tuple[str, int]] = set()
        for machine, port in _machines(parts, _PORTS.get(family, 0)):
            servers |= {
                (_THIS_MACHINE if _is_own(one, own) else one, port) for one in _addresses(machine, resolve)
            }
        return cls(family, frozenset(servers), _database(parts, family))

    def is_same(self, other: Place) -> bool:
        """Whether both may be one database."""
        if self.family != other.family or self.name != other.name:
            return False
        return self.family == "sqlite" or bool(self.servers & other.servers)


def _path(database: str) -> str:
    if database.startswith("file:"):
        database = database.removeprefix("file:").partition("?")[0]
    return os.path.realpath(database) if database and database != ":memory:" else ""


def _machines(parts: URL, default_port: int) -> Iterable[tuple[str, int]]:
    """(name or socket, port) of each. PostgreSQL takes several, and takes them as options of the URL, too."""
    hosts = _option(parts, "host") or ([parts.host] if parts.host else [""])
    ports = _option(parts, "port") or [str(parts.port or default_port)]
    names = [name for host in hosts for name in host.split(",")]
    for name in names:
        machine, _, port = name.partition(":") if name.count(":") == 1 else (name, "", "")
        for one in [port] if port else [port for text in ports for port in text.split(",")]:
            yield machine, int(one or default_port)


def _option(parts: URL, name: str) -> list[str]:
    found = parts.query.get(name, ())
    return [found] if isinstance(found, str) else list(found)


def _database(parts: URL, family: str) -> str:
    named = parts.database or next(iter(_option(parts, "dbname")), "")
    return named or (parts.username or "" if family == "postgresql" else "")


def _addresses(machine: str, resolve: Resolve) -> Iterable[str]:
    return [_THIS_MACHINE] if not machine or machine.startswith(("/", "@")) else resolve(machine)


def _own_addresses(resolve: Resolve) -> Iterable[str]:
    try:
        return list(resolve(socket.gethostname()))
    except OSError:
        return []


def _is_own(address: str, own: set[str]) -> bool:
    if address in own:
        return True
    try:
        return ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return False

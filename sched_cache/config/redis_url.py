"""Where Redis is and how to speak to it, in one URL.

```text
redis://[user][:password@]host[:port][/db]            standalone; rediss:// for TLS
unix://[user][:password@]/path/to/socket[?db=0]       standalone, through a socket file
redis+sentinel://[..@]host[:port],host[:port].../service[/db]
redis+cluster://[..@]host[:port],host[:port]...       rediss+sentinel:// and rediss+cluster:// for TLS
fake://[name]                                         inside this process, shared by all that use the name
```
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit


class Topology(Enum):
    """What stands behind the URL."""

    STANDALONE = "standalone"
    UNIX = "unix"
    SENTINEL = "sentinel"
    CLUSTER = "cluster"
    FAKE = "fake"


_TOPOLOGIES = {
    "redis": Topology.STANDALONE,
    "rediss": Topology.STANDALONE,
    "unix": Topology.UNIX,
    "redis+sentinel": Topology.SENTINEL,
    "rediss+sentinel": Topology.SENTINEL,
    "redis+cluster": Topology.CLUSTER,
    "rediss+cluster": Topology.CLUSTER,
    "fake": Topology.FAKE,
}
ALLOWED = "fake://, redis://, rediss://, unix://, redis+sentinel://, redis+cluster:// (rediss+... for TLS)"
_DEFAULT_PORTS = {Topology.STANDALONE: 6379, Topology.CLUSTER: 6379, Topology.SENTINEL: 26379}
_NODE = re.compile(r"(?P<host>\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9_.-]+)(:(?P<port>\d{1,5}))?")


def _truth(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError("is not true or false")
    return text == "true"


def _certificate_demand(text: str) -> str:
    if text not in ("none", "optional", "required"):
        raise ValueError("is not none, optional or required")
    return text


_TLS_OPTIONS: dict[str, Callable[[str], Any]] = {
    "ssl_ca_certs": str,
    "ssl_ca_path": str,
    "ssl_certfile": str,
    "ssl_keyfile": str,
    "ssl_cert_reqs": _certificate_demand,
    "ssl_check_hostname": _truth,
}
_SENTINEL_OPTIONS = ("sentinel_username", "sentinel_password")


@dataclass(frozen=True, slots=True)
class RedisUrl:
    """A parsed URL. Printing it shows no user, password or option.

    nodes: host and port; one for a standalone server, the sentinels, or some members of the cluster.
    path: of the socket file, else "".
    name: of the service that the sentinels watch, or of the fake server, else "".
    tls_options: keyword arguments of redis-py, such as `ssl_ca_certs`.
    """

    topology: Topology
    nodes: tuple[tuple[str, int], ...] = ()
    path: str = ""
    name: str = ""
    db: int = 0
    is_tls: bool = False
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    sentinel_username: str | None = field(default=None, repr=False)
    sentinel_password: str | None = field(default=None, repr=False)
    tls_options: dict[str, Any] = field(default_factory=dict, repr=False)


def parse_redis_url(url: str) -> RedisUrl:
    """The parts of `url`.

    Raises:
        ValueError: says what is wrong without repeating a part that may hold a password.
    """
    try:
        parts = urlsplit(url)
    except ValueError:  # its text repeats what stands before the host
        raise ValueError("it is not a URL") from None
    topology = _TOPOLOGIES.get(parts.scheme)
    if topology is None:
        raise ValueError("the scheme is not one of " + ALLOWED)
    if parts.fragment:
        raise ValueError("it has a #fragment (write %23 for a # in a password)")
    credentials, _, hosts = parts.netloc.rpartition("@")
    username, _, password = credentials.partition(":")
    is_tls = parts.scheme.startswith("rediss")
    query = _read_query(parts.query, topology, is_tls)
    if topology is Topology.UNIX:
        place = _read_unix_place(hosts, parts.path, query.pop("db", "0"))
    elif topology is Topology.FAKE:
        place = _read_fake_place(hosts, parts.path + credentials)
    else:
        place = _read_network_place(topology, hosts, parts.path)
    return RedisUrl(
        topology=topology,
        is_tls=is_tls,
        username=unquote(username) or None,
        password=unquote(password) or None,
        sentinel_username=query.pop("sentinel_username", None),
        sentinel_password=query.pop("sentinel_password", None),
        tls_options=query,
        **place,
    )


def _read_unix_place(hosts: str, path: str, db: str) -> dict[str, Any]:
    if hosts or not path.strip("/"):
        raise ValueError("it needs three slashes and a path: unix:///path/to/socket")
    return {"path": unquote(path), "db": _read_db(db)}


def _read_fake_place(name: str, rest: str) -> dict[str, Any]:
    if rest.strip("/"):
        raise ValueError("it may have a name and nothing else: fake://name")
    return {"name": name}


def _read_network_place(topology: Topology, hosts: str, path: str) -> dict[str, Any]:
    steps = [unquote(step) for step in path.split("/") if step]
    nodes = _read_nodes(hosts, _DEFAULT_PORTS[topology])
    if topology is Topology.STANDALONE and len(nodes) != 1:
        raise ValueError("more than one host needs redis+sentinel:// or redis+cluster://")
    service = ""
    if topology is Topology.SENTINEL:
        if not steps:
            raise ValueError("the name of the service is missing: redis+sentinel://host,host/service")
        service = steps.pop(0)
    db = _read_db(steps.pop(0) if steps else "0")
    if topology is Topology.CLUSTER and db:
        raise ValueError("a cluster has database 0 only")
    if steps:
        raise ValueError("the path has more than the number of a database")
    return {"nodes": nodes, "name": service, "db": db}


def _read_db(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text):
        raise ValueError("the database is not a number")
    return int(text)


def _read_nodes(hosts: str, default_port: int) -> tuple[tuple[str, int], ...]:
    nodes = []
    for text in hosts.split(","):
        node = _NODE.fullmatch(text)
        port = int(node["port"] or default_port) if node else 0
        if node is None or not 0 < port < 65536:
            raise ValueError("a host is missing or is not host[:port]")
        nodes.append((node["host"].strip("[]"), port))
    return tuple(nodes)


def _read_query(query: str, topology: Topology, is_tls: bool) -> dict[str, Any]:
    readers: dict[str, Callable[[str], Any]] = dict(_TLS_OPTIONS) if is_tls else {}
    if topology is Topology.SENTINEL:
        readers.update(dict.fromkeys(_SENTINEL_OPTIONS, str))
    if topology is Topology.UNIX:
        readers["db"] = str
    options: dict[str, Any] = {}
    for name, text in parse_qsl(query, keep_blank_values=True):
        if name not in readers:
            # Not the name itself: a password with a `?` in it ends up here.
            known = ", ".join(sorted(readers)) or "none"
            raise ValueError(f"a query option is unknown here; known: {known}")
        try:
            options[name] = readers[name](text)
        except ValueError as error:
            raise ValueError(f"{name} {error}") from None
    return options

"""The address of Redis and the options of its connections, in one URL.

```text
redis://[[user]:password@][host][:port][/db]          standalone; rediss:// for TLS
unix://[[user]:password@]/path/to/socket[?db=0]       standalone, through a socket file; also redis+socket://
redis+sentinel://[..@]host[:port],host[:port].../service[/db]
redis+cluster://[..@]host[:port],host[:port]...       rediss+sentinel:// and rediss+cluster:// for TLS
sentinel://[..@]host[:port];sentinel://...[/db]?master_name=service      as Celery writes it
fake://[name]                                         inside this process, shared by all users of the name
```

`valkey` and `valkeys` may replace `redis` and `rediss` everywhere. User and password are percent-encoded. The
options in the query are those of `redis_options`; a database number there takes precedence over one in the path.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from enum import Enum
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from sched_cache.config.redis_options import OF_ALL, OF_SENTINEL, OF_TLS, Reader, read_db, read_options, word


class Topology(Enum):
    """The kind of deployment behind the URL."""

    STANDALONE = "standalone"
    UNIX = "unix"
    SENTINEL = "sentinel"
    CLUSTER = "cluster"
    FAKE = "fake"


_TOPOLOGIES = {
    "redis": Topology.STANDALONE,
    "rediss": Topology.STANDALONE,
    "unix": Topology.UNIX,
    "redis+socket": Topology.UNIX,
    "redis+sentinel": Topology.SENTINEL,
    "rediss+sentinel": Topology.SENTINEL,
    "sentinel": Topology.SENTINEL,
    "redis+cluster": Topology.CLUSTER,
    "rediss+cluster": Topology.CLUSTER,
    "fake": Topology.FAKE,
}
ALLOWED = (
    "fake://, redis://, rediss://, unix://, redis+socket://, redis+sentinel://, sentinel://, redis+cluster:// "
    "(rediss+... for TLS; valkey for redis)"
)
_DEFAULT_PORTS = {Topology.STANDALONE: 6379, Topology.CLUSTER: 6379, Topology.SENTINEL: 26379}
_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_NODE = re.compile(
    rf"(?P<host>\[[0-9A-Fa-f:.]+(%[A-Za-z0-9_.%-]+)?\]|{_LABEL}(\.{_LABEL})*\.?)(:(?P<port>\d{{0,5}}))?"
)
_MAX_HOST_LENGTH = 253
_MAX_PATH_BYTES = 107  # limit of the path of a socket file on Linux


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
        url.encode()
    except UnicodeEncodeError:
        raise ValueError("it holds a character that is none") from None
    # Celery separates sentinels by a semicolon and repeats the scheme.
    first, *others = re.split(r";(?=sentinel://)", url)
    if not others:
        return _parse_one(first)
    return _joined([_parse_one(text, is_one_of_many=True) for text in (first, *others)])


def _joined(parsed: list[RedisUrl]) -> RedisUrl:
    """The URLs of several sentinels as one; any of them may carry the options."""
    nodes = tuple(dict.fromkeys(node for one in parsed for node in one.nodes))
    chosen: dict[str, Any] = {"topology": Topology.SENTINEL, "nodes": nodes}
    for name in ("username", "password", "sentinel_username", "sentinel_password", "name", "db"):
        values = {value for one in parsed if (value := getattr(one, name))}
        if len(values) > 1:
            raise ValueError(f"the sentinels lead to servers with different values of {name}")
        chosen[name] = values.pop() if values else getattr(parsed[0], name)
    if not chosen["name"]:
        raise ValueError(_NAME_IS_MISSING)
    return RedisUrl(**chosen)


_NAME_IS_MISSING = "the name of the service is missing: redis+sentinel://host,host/service or sentinel://host?master_name=service"


def _parse_one(url: str, is_one_of_many: bool = False) -> RedisUrl:
    try:
        parts = urlsplit(url)
    except ValueError:  # its text repeats the part before the host
        raise ValueError("it is not a URL") from None
    scheme = re.sub(r"^valkey", "redis", parts.scheme)
    topology = _TOPOLOGIES.get(scheme)
    if topology is None:
        raise ValueError("the scheme is not one of " + ALLOWED)
    if parts.fragment:
        raise ValueError("it has a #fragment (write %23 for a # in a password)")
    credentials, _, hosts = parts.netloc.rpartition("@")
    username, _, password = credentials.partition(":")
    is_tls = scheme.startswith("rediss")
    options = read_options(_pairs(parts.query), _readers(topology, is_tls))
    if topology is Topology.UNIX:
        place = _read_unix_place(hosts, parts.path)
    elif topology is Topology.FAKE:
        place = _read_fake_place(hosts, parts.path + credentials)
    else:
        is_celery = scheme == "sentinel"
        place = _read_network_place(topology, hosts, parts.path, options, is_celery)
        if topology is Topology.SENTINEL and not place["name"] and not is_one_of_many:
            raise ValueError(_NAME_IS_MISSING)
    for name in ("virtual_host", "db"):
        if name in options:
            place["db"] = options[name]
    if topology is Topology.CLUSTER and place["db"]:
        raise ValueError("a cluster has database 0 only")
    return RedisUrl(
        topology=topology,
        is_tls=is_tls,
        username=_unquoted(username) or None,
        password=_unquoted(password) or None,
        sentinel_username=options.get("sentinel_username"),
        sentinel_password=options.get("sentinel_password"),
        tls_options={name: value for name, value in options.items() if name in OF_TLS},
        **place,
    )


def _pairs(query: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=100)
    except ValueError:  # its text may repeat a value
        raise ValueError("the query is not UTF-8, percent-encoded") from None


def _readers(topology: Topology, is_tls: bool) -> dict[str, Reader]:
    if topology is Topology.FAKE:
        return {}
    return {
        **OF_ALL,
        **(OF_TLS if is_tls else {}),
        **(OF_SENTINEL if topology is Topology.SENTINEL else {}),
    }


def _unquoted(text: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise ValueError("a percent-encoding is not UTF-8") from None


def _read_unix_place(hosts: str, path: str) -> dict[str, Any]:
    path = _unquoted(path)
    if hosts or not path.strip("/"):
        raise ValueError("it needs three slashes and a path: unix:///path/to/socket")
    if not path.isprintable() or len(path.encode()) > _MAX_PATH_BYTES:
        raise ValueError(f"the path of a socket allows printable characters, {_MAX_PATH_BYTES} bytes at most")
    return {"path": path, "db": 0}


def _read_fake_place(name: str, rest: str) -> dict[str, Any]:
    if rest.strip("/"):
        raise ValueError("it may have a name and nothing else: fake://name")
    return {"name": name}


def _read_network_place(
    topology: Topology, hosts: str, path: str, options: dict[str, Any], is_celery: bool
) -> dict[str, Any]:
    steps = [_unquoted(step) for step in path.split("/") if step]
    nodes = _read_nodes(hosts, _DEFAULT_PORTS[topology])
    if topology is Topology.STANDALONE and len(nodes) != 1:
        raise ValueError("more than one host needs redis+sentinel:// or redis+cluster://")
    service = options.get("master_name") or options.get("service_name") or ""
    # Celery has the number of the database in the path, others the name of the service before it.
    has_service = steps and not (is_celery and steps[0].isdigit())
    if topology is Topology.SENTINEL and not service and has_service:
        try:
            service = word(steps.pop(0))
        except ValueError as error:
            raise ValueError(f"the name of the service allows {error}") from None
    try:
        db = read_db(steps.pop(0) if steps else "0")
    except ValueError as error:
        raise ValueError(f"the database in the path allows {error}") from None
    if steps:
        raise ValueError("the path has more than the number of a database")
    return {"nodes": nodes, "name": service, "db": db}


def _read_nodes(hosts: str, default_port: int) -> tuple[tuple[str, int], ...]:
    nodes = []
    for text in hosts.split(","):
        if not text.partition(":")[0] and len(hosts) == len(text):
            text = "localhost" + text  # as redis-py and Celery do
        node = _NODE.fullmatch(text)
        port = int(node["port"] or default_port) if node else 0
        if node is None or not 0 < port < 65536 or not _is_host(node["host"]):
            raise ValueError("a host is missing or is not host[:port], with a port from 1 to 65,535")
        nodes.append((_unquoted(node["host"].strip("[]")), port))
    return tuple(nodes)


def _is_host(host: str) -> bool:
    if not host.startswith("["):
        return len(host) <= _MAX_HOST_LENGTH
    try:
        ipaddress.IPv6Address(_unquoted(host.strip("[]")))
    except ValueError:
        return False
    return True

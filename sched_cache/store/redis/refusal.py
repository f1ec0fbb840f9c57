"""A table of all reasons why Redis refuses a command, each with advice."""

from __future__ import annotations

import re
from dataclasses import dataclass

from redis.exceptions import RedisError, ResponseError


@dataclass(frozen=True, slots=True)
class Refusal:
    """One reason of refusal.

    advice: what to do, for the log.
    concerns_all: every other command would be refused, too.
    reconnects: a new connection may lead to another server, or have another user.
    """

    advice: str
    concerns_all: bool = False
    reconnects: bool = False


_CREDENTIALS = "check user and password in redis_url against the server's ACL"

REFUSALS: dict[str, Refusal] = {
    # After a failover in place, until names and sentinels point at the new primary.
    "READONLY": Refusal(
        "redis_url leads to a replica: let it name the primary",
        reconnects=True,
    ),
    "MASTERDOWN": Refusal(
        "the replica at redis_url has lost its primary: let it name the primary",
        concerns_all=True,
        reconnects=True,
    ),
    "LOADING": Refusal(
        "the server is loading its data: wait until it has", concerns_all=True, reconnects=True
    ),
    "NOREPLICAS": Refusal("the primary has fewer replicas than min-replicas-to-write: bring them back"),
    "UNKILLABLE": Refusal(
        "a script has blocked the server: end it",
        concerns_all=True,
    ),
    "BUSY": Refusal(
        "a script blocks the server: end it",
        concerns_all=True,
    ),
    # Refusals of a cluster.
    "CLUSTERDOWN": Refusal(
        "the cluster does not serve all slots: see CLUSTER INFO", concerns_all=True, reconnects=True
    ),
    "TRYAGAIN": Refusal("the cluster is moving slots: wait until it has"),
    "MOVED": Refusal(
        "the server belongs to a cluster: write redis+cluster:// in redis_url",
        concerns_all=True,
        reconnects=True,
    ),
    "ASK": Refusal(
        "the server belongs to a cluster: write redis+cluster:// in redis_url",
        concerns_all=True,
        reconnects=True,
    ),
    "CROSSSLOT": Refusal(
        "the server belongs to a cluster: write redis+cluster:// in redis_url",
        concerns_all=True,
        reconnects=True,
    ),
    # Permissions.
    "NOPERM": Refusal(
        "allow the user of redis_url the commands get, mget, set, del, expire, strlen, ping, publish and "
        "subscribe on the keys and channels of the namespace",
        reconnects=True,
    ),
    "NOAUTH": Refusal(
        _CREDENTIALS,
        concerns_all=True,
        reconnects=True,
    ),
    "WRONGPASS": Refusal(
        _CREDENTIALS,
        concerns_all=True,
        reconnects=True,
    ),
    "DENIED": Refusal(
        "the server is in protected mode: give it a password and a bind address",
        concerns_all=True,
        reconnects=True,
    ),
    "DATABASE": Refusal(
        "the server has fewer databases than the number in redis_url says: raise databases, or take another",
        concerns_all=True,
        reconnects=True,
    ),
    # No room.
    "OOM": Refusal("the server is full: raise maxmemory, or set a maxmemory-policy that evicts"),
    "MISCONF": Refusal("the server cannot save to its disk and refuses writes: see its log"),
    "EXECABORT": Refusal("the server refused a transaction: see its log"),
    "MAXCLIENTS": Refusal(
        "the server has no connection left: raise maxclients", concerns_all=True, reconnects=True
    ),
    # No answer at all.
    "TIMEOUT": Refusal(
        "the server or the network is too slow for redis_timeout_seconds, or swallows packets",
        concerns_all=True,
        reconnects=True,
    ),
    "NAME": Refusal(
        "the name in redis_url cannot be resolved",
        concerns_all=True,
        reconnects=True,
    ),
    "CERTIFICATE": Refusal(
        "check ssl_ca_certs, and the name in the server's certificate", concerns_all=True, reconnects=True
    ),
    "SENTINEL": Refusal(
        "check the sentinels and the name of the service in redis_url", concerns_all=True, reconnects=True
    ),
    "NODES": Refusal("check the nodes of the cluster in redis_url", concerns_all=True, reconnects=True),
    "FILE": Refusal(
        "check the files named in redis_url",
        concerns_all=True,
        reconnects=True,
    ),
    "CONNECTION": Refusal(
        "check that the server at redis_url runs, and is reached from this machine",
        concerns_all=True,
        reconnects=True,
    ),
    "NONSENSE": Refusal(
        "check that a Redis answers at redis_url, with TLS if it is rediss://",
        concerns_all=True,
        reconnects=True,
    ),
}
_OTHER = Refusal("see the server's log", reconnects=True)

_BY_CLASS = {
    "ReadOnlyError": "READONLY",
    "MasterDownError": "MASTERDOWN",
    "BusyLoadingError": "LOADING",
    "ClusterDownError": "CLUSTERDOWN",
    "SlotNotCoveredError": "CLUSTERDOWN",
    "TryAgainError": "TRYAGAIN",
    "MovedError": "MOVED",
    "AskError": "ASK",
    "ClusterCrossSlotError": "CROSSSLOT",
    "NoPermissionError": "NOPERM",
    "AuthenticationWrongNumberOfArgsError": "NOAUTH",
    "AuthenticationError": "WRONGPASS",
    "OutOfMemoryError": "OOM",
    "ExecAbortError": "EXECABORT",
    "MaxConnectionsError": "MAXCLIENTS",
    "MasterNotFoundError": "SENTINEL",
    "RedisClusterException": "NODES",
    "TimeoutError": "TIMEOUT",
    "InvalidResponse": "NONSENSE",
}
_CODE = re.compile(r"([A-Z]{2,}[A-Z0-9]*)\b")
# Errors of redis-py and the system, recognized by their messages.
_IN_WORDS = (
    (re.compile(r"max number of clients|max(imum)? (number of )?connections", re.I), "MAXCLIENTS"),
    (re.compile(r"Authentication required", re.I), "NOAUTH"),
    (re.compile(r"CERTIFICATE|certificate"), "CERTIFICATE"),
    (re.compile(r"Invalid Database|DB index"), "DATABASE"),
    (re.compile(r"No such file|Permission denied|PEM|Is a directory"), "FILE"),
    (re.compile(r"not resolved|Name or service|name resolution|nodename|no address|no name of"), "NAME"),
)


def code_of(error: BaseException) -> str:
    """The key of `REFUSALS` for an error of redis-py, of the system or of a parser; or the server's own word."""
    text = words_of(error)
    for kind in type(error).__mro__:
        if kind is ResponseError:
            break
        if kind.__name__ in _BY_CLASS:
            code = _BY_CLASS[kind.__name__]
            return "NOAUTH" if code == "WRONGPASS" and "required" in text else code
    for pattern, code in _IN_WORDS:
        if pattern.search(text):
            return code
    if isinstance(error, ResponseError):
        first = _CODE.match(text)
        return first[1] if first else "ERR"
    if isinstance(error, (RedisError, OSError)):
        return "CONNECTION"
    return "NONSENSE"


def words_of(error: BaseException) -> str:
    """The message without the command, which redis-py adds for a pipeline, and which contains a content."""
    return str(error).rpartition(" of pipeline caused error: ")[2]


def refusal_of(error: BaseException) -> Refusal:
    """The row for `error`, or a general one for an unknown refusal."""
    return REFUSALS.get(code_of(error), _OTHER)

from __future__ import annotations

import ssl
from collections.abc import Iterator

import pytest
import redis
from redis import exceptions

from sched_cache.store.redis.refusal import REFUSALS, code_of, refusal_of, words_of


def error_classes(kind: type[Exception]) -> Iterator[type[Exception]]:
    yield kind
    for derived in kind.__subclasses__():
        yield from error_classes(derived)


EVERY = sorted(
    {
        *error_classes(redis.RedisError),
        *error_classes(exceptions.RedisClusterException),
    },
    key=lambda kind: kind.__name__,
)


@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.__name__)
def test_every_class_of_redis_py_has_an_advice(kind: type[Exception]) -> None:
    """Also those of a later release, by what they are derived from."""
    error = kind.__new__(kind)
    error.args = ("some words",)
    assert refusal_of(error).advice


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (redis.ReadOnlyError("You can't write against a read only replica."), "READONLY"),
        (redis.ResponseError("READONLY You can't write against a read only replica."), "READONLY"),
        (redis.ResponseError("OOM command not allowed when used memory > 'maxmemory'."), "OOM"),
        (redis.ResponseError("MISCONF Redis is configured to save RDB snapshots"), "MISCONF"),
        (redis.ResponseError("NOREPLICAS Not enough good replicas to write."), "NOREPLICAS"),
        (redis.ResponseError("EXECABORT Transaction discarded"), "EXECABORT"),
        (redis.ResponseError("MOVED 1 127.0.0.1:7000"), "MOVED"),
        (redis.ResponseError("DENIED Redis is running in protected mode"), "DENIED"),
        (redis.ResponseError("CLUSTERDOWN The cluster is down"), "CLUSTERDOWN"),
        (redis.ResponseError("LOADING Redis is loading the dataset in memory"), "LOADING"),
        (redis.BusyLoadingError("Redis is loading the dataset in memory"), "LOADING"),
        (exceptions.MasterDownError("Link with MASTER is down"), "MASTERDOWN"),
        (exceptions.NoPermissionError("this user has no permissions to run the 'get' command"), "NOPERM"),
        (redis.AuthenticationError("Authentication required."), "NOAUTH"),
        (redis.AuthenticationError("invalid username-password pair or user is disabled."), "WRONGPASS"),
        (redis.ConnectionError("max number of clients reached"), "MAXCLIENTS"),
        (redis.ConnectionError("Invalid Database"), "DATABASE"),
        (redis.ConnectionError("Error 111 connecting to 127.0.0.1:1. Connection refused."), "CONNECTION"),
        (redis.ConnectionError("Error -2 connecting to x:1. Name or service not known."), "NAME"),
        (redis.ConnectionError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed"), "CERTIFICATE"),
        (ssl.SSLError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed"), "CERTIFICATE"),
        (FileNotFoundError(2, "No such file or directory"), "FILE"),
        (redis.TimeoutError("Timeout reading from socket"), "TIMEOUT"),
        (TimeoutError("the time for this call is over"), "TIMEOUT"),
        (redis.InvalidResponse("Protocol Error"), "NONSENSE"),
        (ValueError("invalid literal"), "NONSENSE"),
        (IndexError("list index out of range"), "NONSENSE"),
        (redis.ResponseError("ERR unknown command 'MGET'"), "ERR"),
    ],
    ids=str,
)
def test_tells_what_it_is(error: Exception, code: str) -> None:
    """By the class that redis-py has for it, by the server's first word, or by what the system says."""
    assert code_of(error) == code
    assert code == "ERR" or code in REFUSALS


def test_a_pipeline_hides_neither_the_reason_nor_the_content() -> None:
    """redis-py puts the command in front, and the command has the content in it."""
    error = redis.ResponseError("Command # 1 (SET key secret content) of pipeline caused error: OOM no room")
    assert code_of(error) == "OOM"
    assert words_of(error) == "OOM no room"

from __future__ import annotations

import pytest

from sched_cache.config import RedisUrl, parse_redis_url
from sched_cache.config.redis_url import Topology


@pytest.mark.parametrize(
    ("url", "parsed"),
    [
        ("fake://", RedisUrl(Topology.FAKE)),
        ("fake://one", RedisUrl(Topology.FAKE, name="one")),
        ("redis://cache", RedisUrl(Topology.STANDALONE, (("cache", 6379),))),
        (
            "rediss://u:p%40ss@[::1]:7000/3?ssl_cert_reqs=none&ssl_check_hostname=false",
            RedisUrl(
                Topology.STANDALONE,
                (("::1", 7000),),
                db=3,
                is_tls=True,
                username="u",
                password="p@ss",
                tls_options={"ssl_cert_reqs": "none", "ssl_check_hostname": False},
            ),
        ),
        (
            "unix://:word@/run/redis%20one.sock?db=2",
            RedisUrl(Topology.UNIX, path="/run/redis one.sock", db=2, password="word"),
        ),
        (
            "redis+sentinel://:word@a,b:5/primary/1?sentinel_password=other",
            RedisUrl(
                Topology.SENTINEL,
                (("a", 26379), ("b", 5)),
                name="primary",
                db=1,
                password="word",
                sentinel_password="other",
            ),
        ),
        ("rediss+cluster://a:1,b:2", RedisUrl(Topology.CLUSTER, (("a", 1), ("b", 2)), is_tls=True)),
    ],
)
def test_reads_every_topology(url: str, parsed: RedisUrl) -> None:
    """One URL says where Redis is and how it is to be spoken to."""
    assert parse_redis_url(url) == parsed


@pytest.mark.parametrize(
    "url",
    [
        "",
        "cache:6379",
        "http://cache",
        "redis://",
        "redis://a,b",
        "redis://cache:0",
        "redis://cache:65536",
        "redis://cache:port",
        "redis://cache/x",
        "redis://cache/0/1",
        "redis://cache?timeout=5",
        "redis://cache?ssl_keyfile=/k",
        "rediss://cache?ssl_cert_reqs=perhaps",
        "rediss://cache?ssl_check_hostname=1",
        "redis://cache#x",
        "redis://[::1",
        "unix://run/redis.sock",
        "unix:///",
        "unix:///run/redis.sock?db=-1",
        "redis+sentinel://a:1",
        "redis+cluster://a:1/1",
        "fake://one/0",
        "fake://:word@one",
    ],
)
def test_refuses_what_it_does_not_understand(url: str) -> None:
    """An option that redis-py would have understood otherwise is no exception: all of them are ours."""
    with pytest.raises(ValueError):
        parse_redis_url(url)


@pytest.mark.parametrize(
    "url", ["redis://:topsecret@[::1", "redis://:top℀secret@c", "rediss://c?topsecret@c"]
)
def test_refusal_repeats_no_password(url: str) -> None:
    """Not even where the standard library's own message would."""
    with pytest.raises(ValueError) as caught:
        parse_redis_url(url)
    assert "secret" not in str(caught.value)


def test_printing_shows_no_password() -> None:
    """A parsed URL may end up in a log as well."""
    url = parse_redis_url("redis+sentinel://u:topsecret@a/s?sentinel_password=topsecret2")
    assert "secret" not in repr(url)

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sched_cache.clock import SystemClock
from sched_cache.config import Config, RedisUrl, parse_redis_url
from sched_cache.config.redis_options import OF_ALL, OF_SENTINEL, OF_TLS
from sched_cache.config.redis_url import Topology
from sched_cache.errors import ConfigError
from sched_cache.stats import Stats
from sched_cache.store.redis import open_l2
from sched_cache.store.redis.client import close_client, open_client


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


NAMED = (("a", 26379), ("b", 5))
SPELLINGS: dict[str, dict[str, Any]] = {
    "redis://": {"nodes": (("localhost", 6379),)},
    "redis:///5": {"nodes": (("localhost", 6379),), "db": 5},
    "redis://:word@/1": {"nodes": (("localhost", 6379),), "db": 1, "password": "word"},
    "redis://:6380": {"nodes": (("localhost", 6380),)},
    "redis://h:/2": {"nodes": (("h", 6379),), "db": 2},
    "REDIS://h": {"nodes": (("h", 6379),)},
    "redis://u@h": {"username": "u", "password": None},
    "redis://u:p%3A%2F%23%3F%25@h": {"username": "u", "password": "p:/#?%"},
    "redis://:p@ss@h": {"password": "p@ss", "nodes": (("h", 6379),)},
    "redis://:%C3%A4@h": {"password": "\u00e4"},
    "redis://[2001:db8::1]": {"nodes": (("2001:db8::1", 6379),)},
    "redis://[fe80::1%25eth0]:1": {"nodes": (("fe80::1%eth0", 1),)},
    "redis://h/3?db=4": {"db": 4},
    "redis://h?virtual_host=/4": {"db": 4},
    "redis://h?virtual_host=4": {"db": 4},
    "redis://h?socket_timeout=5&socket_connect_timeout=2.5&socket_keepalive=True&health_check_interval=30"
    "&retry_on_timeout=true&max_connections=20&timeout=1&client_name=x&protocol=3": {"nodes": (("h", 6379),)},
    "redis://h?socket_timeout=None": {},
    "valkey://h": {"topology": Topology.STANDALONE, "is_tls": False},
    "valkeys://h?ssl_cert_reqs=none": {"topology": Topology.STANDALONE, "is_tls": True},
    "valkey+sentinel://a/m": {"topology": Topology.SENTINEL, "name": "m"},
    "valkeys+cluster://a,b": {"topology": Topology.CLUSTER, "is_tls": True},
    **{
        f"rediss://h?ssl_cert_reqs={prefix}{spelling}": {"tls_options": {"ssl_cert_reqs": spelling.lower()}}
        for prefix in ("", "CERT_", "ssl.CERT_")
        for spelling in ("none", "optional", "required", "NONE", "OPTIONAL", "REQUIRED")
    },
    "rediss://h?ssl_check_hostname=False": {"tls_options": {"ssl_check_hostname": False}},
    "rediss://h?ssl_ca_certs=/a&ssl_certfile=/b&ssl_keyfile=/c": {
        "tls_options": {"ssl_ca_certs": "/a", "ssl_certfile": "/b", "ssl_keyfile": "/c"}
    },
    "redis+socket:///run/r.sock?virtual_host=2": {"topology": Topology.UNIX, "path": "/run/r.sock", "db": 2},
    "sentinel://a;sentinel://b:5/0?master_name=m": {"nodes": NAMED, "name": "m", "db": 0},
    "sentinel://:w@a:26379/2;sentinel://:w@b:5/2?master_name=m": {
        "nodes": NAMED,
        "name": "m",
        "db": 2,
        "password": "w",
    },
    "sentinel://:w@a:26379;sentinel://b:5/1?master_name=m&sentinel_password=s": {
        "password": "w",
        "sentinel_password": "s",
        "db": 1,
    },
    "sentinel://a/m": {"name": "m", "db": 0},
    "sentinel://a/m/3": {"name": "m", "db": 3},
    "sentinel://a,b:5/1?master_name=m": {"nodes": NAMED, "db": 1},
    "redis+sentinel://a/1?master_name=m": {"name": "m", "db": 1},
    "redis+sentinel://a/1/1": {"name": "1", "db": 1},
}


@pytest.mark.parametrize("url", SPELLINGS)
def test_reads_what_celery_and_redis_py_read(url: str) -> None:
    """A broker's URL can be used as it is; what passes the check makes a client."""
    parsed = parse_redis_url(url)
    assert {name: getattr(parsed, name) for name in SPELLINGS[url]} == SPELLINGS[url]
    if parsed.topology is not Topology.CLUSTER:  # whose client connects when it is made
        close_client(open_client(parsed, 0.05))


@pytest.mark.parametrize(
    "url",
    [
        "",
        "cache:6379",
        "http://cache",
        "redis://a,b",
        "redis://a,",
        "redis://a..b",
        "redis://-a",
        "redis://[::zz]",
        "redis://[127.0.0.1]",
        "redis://" + "a" * 64,
        "redis://:%ff@cache",
        "redis://:\udcff@cache",
        "redis://cache?db=x",
        "redis://cache?socket_timeout=soon",
        "redis://cache?socket_timeout=nan",
        "redis://cache?socket_timeout=-1",
        "redis://cache?retry_on_timeout=perhaps",
        "redis://cache?ssl_cert_reqs=none",
        "redis://cache?protocol=4",
        "redis://cache?client_name=",
        "redis://cache?virtual_host=//1",
        "redis+sentinel://a?master_name=",
        "redis+sentinel://a/%0a",
        "sentinel://a:26379",
        "sentinel://a:26379/0",
        "sentinel://a:26379;sentinel://b:26379/0",
        "sentinel://:one@a;sentinel://:other@b/0?master_name=m",
        "sentinel://a;redis://b/0?master_name=m",
        "unix:///" + "a" * 120,
        "unix:///a%00b",
        "redis+cluster://a?db=1",
        "redis://cache:0",
        "redis://cache:65536",
        "redis://cache:port",
        "redis://cache/x",
        "redis://cache/0/1",
        "redis://cache?ssl_keyfile=/k",
        "rediss://cache?ssl_cert_reqs=perhaps",
        "rediss://cache?ssl_check_hostname=2",
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
    "url",
    [
        "redis://:topsecret@[::1",
        "redis://:top℀secret@c",
        "rediss://c?topsecret@c",
        "redis://:top/secret@c",
        "redis://:top?secret=1@c",
        "redis://:top#secret@c",
        "redis://:topsecret%ff@c",
        "redis://c?topsecret=%ff",
        "redis://c?socket_timeout=topsecret",
        "rediss://c?ssl_password=topsecret%00",
        "rediss://c?ssl_cert_reqs=topsecret",
        "redis+sentinel://c/m?sentinel_password=topsecret%0a",
        "sentinel://:topsecret@a;sentinel://:topsecret2@b/0?master_name=m",
    ],
)
def test_refusal_repeats_no_password(url: str) -> None:
    """Not even where the standard library's own message would."""
    with pytest.raises(ValueError) as caught:
        parse_redis_url(url)
    assert "secret" not in str(caught.value)
    with pytest.raises(ConfigError) as refused:
        Config(redis_url=url)
    assert "secret" not in str(refused.value)
    assert "redis_url" in str(refused.value)


def test_refusal_names_the_option_and_its_range() -> None:
    """Not only that something is wrong."""
    with pytest.raises(ConfigError, match=r"socket_timeout allows 0\.001 to 86,400"):
        Config(redis_url="redis://h?socket_timeout=soon")
    with pytest.raises(ConfigError, match="ssl_cert_reqs allows none, optional, required, CERT_NONE"):
        Config(redis_url="rediss://h?ssl_cert_reqs=perhaps")
    with pytest.raises(ConfigError, match="master_name"):
        Config(redis_url="sentinel://a/0")


_TEXT = st.text(st.sampled_from("ab0:/@?#%&=;[]., ") | st.characters(), max_size=12)


@settings(max_examples=500)
@given(
    scheme=st.sampled_from(
        [
            "redis",
            "rediss",
            "unix",
            "redis+socket",
            "sentinel",
            "redis+sentinel",
            "rediss+sentinel",
            "valkeys",
        ]
    ),
    rest=st.lists(_TEXT, max_size=6),
    option=st.sampled_from(["", "?", *(f"?{name}=" for name in (*OF_ALL, *OF_TLS, *OF_SENTINEL))]),
    value=_TEXT,
)
def test_whatever_passes_the_check_makes_a_client(
    scheme: str, rest: list[str], option: str, value: str
) -> None:
    """And what does not is a ConfigError, whatever was typed."""
    url = f"{scheme}://{''.join(rest)}{option}{value}"
    try:
        config = Config(redis_url=url)
    except ConfigError:
        return
    repr(config)
    open_l2(config, Stats(), SystemClock()).close()
    assert config.redis_url is not None
    close_client(open_client(parse_redis_url(config.redis_url), 0.05))


def test_printing_shows_no_password() -> None:
    """A parsed URL may end up in a log as well."""
    url = parse_redis_url("redis+sentinel://u:topsecret@a/s?sentinel_password=topsecret2")
    assert "secret" not in repr(url)

"""The cost of fetching the same bytes without a cache: a lower bound."""

from __future__ import annotations

import os

from ..case import Case
from ..lookup.stored_dags import DATABASE_VARIABLE, LARGE, REDIS_VARIABLE
from ..services import REDIS
from ..subject import CodecSubject, Work


def _get(case: Case) -> Work:
    import redis

    from sched_cache import Config, DagCache
    from sched_cache.format import FORMAT_VERSION

    url = os.environ[REDIS_VARIABLE]
    with DagCache.open(Config(database_url=os.environ[DATABASE_VARIABLE], redis_url=url)) as cache:
        cache.certify()
        pointer = cache.floor(LARGE)
        assert pointer is not None
        name = f"{cache.config.namespace}:{FORMAT_VERSION}:{pointer.content_hash}"
    client = redis.Redis.from_url(url)
    size = client.strlen(name)
    assert size, "the content is not in Redis"
    return Work(timed={"miss": lambda: client.get(name)}, figures={"stored_bytes": float(size)})


SUBJECTS = (
    CodecSubject(
        "redis_get",
        "a bare redis-py GET",
        frozenset({"lookup"}),
        ("redis",),
        _get,
        needs=frozenset({REDIS}),
        about="fetching the same bytes and doing nothing with them: a bound",
    ),
)

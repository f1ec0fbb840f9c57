from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sched_cache.clock import SystemClock
from sched_cache.config import Config
from sched_cache.stats import Stats
from sched_cache.store.l2 import L2, Answer, NoRedis
from sched_cache.store.redis import open_l2
from tests.contracts.l2 import part_of, pointer_to


@pytest.fixture
def no_redis() -> L2:
    return open_l2(Config(redis_url=None), Stats(), SystemClock())


def test_without_a_url_everything_comes_from_the_database(no_redis: L2) -> None:
    """Unavailable, which is not a miss, and never an error."""
    digest, part = part_of("part")
    assert isinstance(no_redis, NoRedis)
    assert no_redis.get(digest) is Answer.UNAVAILABLE
    assert no_redis.get_many([digest]) == {digest: Answer.UNAVAILABLE}
    assert not no_redis.put_many({digest: part})
    assert no_redis.fetch(digest, lambda: part) == part
    assert no_redis.fetch_many([digest], lambda names: dict.fromkeys(names, part)) == {digest: part}
    assert no_redis.fetch_many([], lambda _: pytest.fail("asked for nothing")) == {}
    assert not no_redis.notify(pointer_to("a", 1, None), "0123456789abcdef")
    subscription = no_redis.subscribe(lambda: None, lambda: None, lambda: None)
    subscription.start()
    assert not subscription.is_joined
    subscription.close()
    no_redis.close()


def test_who_has_no_redis_imports_no_client() -> None:
    """Not even when opening it."""
    program = (
        "import sys; from sched_cache.store.redis import open_l2; from sched_cache.config import Config;"
        "from sched_cache.stats import Stats; from sched_cache.clock import SystemClock;"
        "open_l2(Config(redis_url=None), Stats(), SystemClock());"
        "sys.exit(sum(name in sys.modules for name in ('redis', 'fakeredis')))"
    )
    done = subprocess.run([sys.executable, "-c", program], check=False, cwd=Path(__file__).parents[4])
    assert done.returncode == 0

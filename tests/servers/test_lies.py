"""A real Redis that anybody may write to, and what the processes of an installation make of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgpack
import pytest
import redis
from sqlalchemy import event
from sqlalchemy.engine import Engine

from sched_cache import Config, DagCache
from sched_cache.store.redis.pace import MAX_QUESTIONS_PER_SECOND
from tests.support.format.documents import document
from tests.support.module_process import ModuleProcess
from tests.support.servers import RedisServer


def wait_until(holds: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.01)


def dag(key: str, edition: int) -> dict[str, Any]:
    return document(["extract"], dag_id=key, max_active_runs=edition)


def is_listening(cache: DagCache) -> bool:
    return bool(cache.stats()["redis"]["subscriptions"])


@pytest.fixture
def new_cache(redis_server: RedisServer, redis_url: str, tmp_path: Path) -> Iterator[Callable[..., DagCache]]:
    """A process of the installation `name`; all use one Redis, one namespace, different database numbers."""
    made = []

    def start(name: str = "production", db: int = 0, **options: Any) -> DagCache:
        url = f"{redis_url.rsplit('/', 1)[0]}/{db}"
        cache = DagCache.open(
            Config(database_url=f"sqlite:///{tmp_path / name}.db", redis_url=url, **options)
        )
        made.append(cache)
        return cache

    yield start
    for cache in made:
        cache.close()


@contextmanager
def queries() -> Iterator[list[float]]:
    """When each question about changes was sent."""
    times: list[float] = []

    def note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if "meta.counter" in statement and statement.startswith("SELECT"):
            times.append(time.monotonic())

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield times
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def say(redis_url: str, *pointers: tuple[str, int, int, str | None]) -> None:
    """Publishes each on every channel that anybody listens to, and on that of older releases."""
    with redis.Redis.from_url(redis_url) as client:
        for channel in [*client.pubsub_channels(), b"sched_cache:published"]:
            for key, version, seq, content_hash in pointers:
                client.publish(channel, msgpack.packb((1, key, version, seq, content_hash)))


@pytest.mark.parametrize("content_hash", [None, "ab" * 16])
@pytest.mark.parametrize("above_key", [1, 10**6])
def test_a_plausible_forgery_changes_nothing(
    new_cache: Callable[..., DagCache], redis_url: str, content_hash: str | None, above_key: int
) -> None:
    """Numbers above those of the key; a content that is not there, or a tombstone."""
    cache = new_cache()
    for number in range(20):
        cache.publish(f"d{number}", dag(f"d{number}", 1))
    assert cache.get("d3")
    wait_until(lambda: is_listening(cache))
    pointer = cache.floor("d3")
    assert pointer is not None
    asked = cache.stats()["freshness"]["certifications"]
    say(redis_url, ("d3", pointer.version + above_key, pointer.parsed_seq + above_key, content_hash))
    wait_until(lambda: cache.stats()["freshness"]["certifications"] > asked)
    for _ in range(20):
        assert cache.get("d3") is not None
        assert cache.floor("d3") == pointer
        time.sleep(0.01)


def test_two_installations_on_one_redis_do_not_hear_each_other(new_cache: Callable[..., DagCache]) -> None:
    """Channels have no database numbers; the namespace is the same."""
    ours, theirs = new_cache(), new_cache("staging", db=1)
    ours.publish("sales", dag("sales", 1))
    theirs.publish("sales", dag("sales", 9))
    for cache in (ours, theirs):
        cache.get("sales")
        wait_until(lambda cache=cache: is_listening(cache))
    heard = ours.stats()["redis"]["notices_received"]
    for edition in range(5):
        theirs.publish("sales", dag("sales", 10 + edition))
    theirs.delete("sales")
    wait_until(lambda: theirs.stats()["redis"]["notices_received"] >= 6)
    assert ours.get("sales") is not None
    assert ours.stats()["redis"]["notices_received"] == heard


def test_a_forged_tombstone_does_not_lose_a_publication(
    new_cache: Callable[..., DagCache], redis_url: str
) -> None:
    """A claimer acts on the state in the database."""
    processor, scheduler = new_cache(), new_cache()
    for key in ("sales", "a", "b"):
        processor.publish(key, dag(key, 1))
    with scheduler.claim() as claims:
        for claim in claims:
            claim.acknowledge()
    scheduler.certify()
    wait_until(lambda: is_listening(scheduler))
    published = processor.publish("sales", dag("sales", 2))
    for number in range(5):
        processor.publish(f"q{number}", dag(f"q{number}", 1))
    scheduler.certify()
    say(redis_url, ("sales", published.version + 2, published.parsed_seq + 2, None))
    time.sleep(0.2)
    with scheduler.claim(50) as claims:
        editions = {}
        for claim in claims:
            assert not claim.is_deleted
            found = scheduler.get(claim.key, claim.version)
            editions[claim.key] = found and found.field("max_active_runs")
    assert editions["sales"] == 2


def test_forged_keys_are_not_kept(new_cache: Callable[..., DagCache], redis_url: str) -> None:
    """A process knows only keys that the database has."""
    cache = new_cache()
    cache.publish("d", dag("d", 1))
    cache.get("d")
    wait_until(lambda: is_listening(cache))
    say(
        redis_url,
        *((f"forged_{number}", 10**9 + number, 10**9 + number, "ab" * 16) for number in range(20_000)),
    )
    time.sleep(0.5)
    assert cache.stats()["gauges"]["keys"] == 1
    assert cache.get("forged_7") is None and cache.get("d") is not None


def test_a_flood_costs_few_questions_and_hides_nothing(
    new_cache: Callable[..., DagCache], redis_url: str
) -> None:
    """Of a client that publishes 10,000 messages a second; real publications are read within the bound."""
    staleness = 1.0
    processor = new_cache(max_staleness_seconds=staleness)
    scheduler = new_cache(max_staleness_seconds=staleness)
    processor.publish("d", dag("d", 0))
    scheduler.get("d")
    wait_until(lambda: is_listening(scheduler))
    with ModuleProcess("tests.chaos.liar", redis_url, "1", "10000", talks=False):
        wait_until(lambda: scheduler.stats()["redis"]["floods"] > 0)
        with queries() as times:
            for edition in range(1, 6):
                processor.publish("d", dag("d", edition))
                published_at = time.monotonic()
                wait_until(lambda edition=edition: _edition(scheduler) == edition)
                # The bound holds for the database as it is; a busy machine adds to that.
                assert time.monotonic() - published_at < 10 * staleness
    # The readers of two processes are here, each with its own questions because of its age.
    for first, began in enumerate(times):
        within = [other for other in times[first:] if other < began + 1.0]
        assert len(within) <= 2 * (MAX_QUESTIONS_PER_SECOND + 1 / staleness + 5)


def _edition(cache: DagCache) -> Any:
    found = cache.get("d")
    return found and found.field("max_active_runs")

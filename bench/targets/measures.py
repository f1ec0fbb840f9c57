"""One function per promise. Each yields rows with a measured value and its limit."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Any, cast

from sched_cache import Config, DagCache, Published
from sched_cache.format import encode_dag
from sched_cache.store import Content, Publication

from ..serialized import generate_document
from .reader import ask, reader


@dataclass(frozen=True, slots=True)
class Row:
    """`seen` in `unit`; `at_most`: the promise."""

    what: str
    seen: float
    at_most: float
    unit: str

    @property
    def is_kept(self) -> bool:
        """Whether the promise was kept this time."""
        return self.seen <= self.at_most


@dataclass(frozen=True, slots=True)
class Servers:
    """database: URL of an empty database for each name. redis: of an empty Redis."""

    database: Callable[[str], str]
    redis: str


def visible(servers: Servers) -> Iterator[Row]:
    """From the return of `publish` to the first read of another process that has it."""
    for redis_url, n_publications, pause, limit in (
        # Above 12 a second several publications share one question, by design.
        (servers.redis, 200, 0.12, 20.0),
        (None, 12, 0.7, 1000.0),
    ):
        config = Config(database_url=servers.database(f"visible_{bool(redis_url)}"), redis_url=redis_url)
        with DagCache.open(config) as cache, reader(config) as node:
            cache.publish("dag", _document(0))
            ask(node, "ready")
            first = cache.publish("dag", _document(0)).version
            versions = list(range(first + 1, first + n_publications + 1))
            node.send(("see", ("dag", versions, n_publications * pause + 30)))
            returned = []
            for edition in range(1, n_publications + 1):
                time.sleep(pause)
                cache.publish("dag", _document(edition))
                returned.append(time.monotonic())
            seen = node.recv()
        assert len(seen) == n_publications, "a version was never seen"
        delays = sorted(max(0.0, then - now) * 1000 for now, then in zip(returned, seen, strict=True))
        if redis_url:
            yield Row("published to visible with Redis, median", median(delays), limit, "ms")
            yield Row("published to visible with Redis, p99", quantiles(delays, n=100)[98], limit, "ms")
        else:
            # The poll that sees it may itself come a little later than the bound.
            yield Row("published to visible without Redis, longest", delays[-1], limit + 20, "ms")


def hurt_redis(servers: Servers) -> Iterator[Row]:
    """A Redis that accepts and never answers, and a port without a server, compared with no Redis at all."""
    url = servers.database("hurt_redis")
    n_dags = 240
    with DagCache.open(Config(database_url=url, redis_url=None)) as cache:
        for number in range(n_dags):
            cache.publish(f"dag_{number}", _document(number))
    with ExitStack() as stack:
        silent = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=512))
        refusing = stack.enter_context(socket.socket())
        refusing.bind(("127.0.0.1", 0))
        for name, listener in (("silent", silent), ("refusing", refusing)):
            redis_url = f"redis://127.0.0.1:{listener.getsockname()[1]}/0"
            with (
                DagCache.open(Config(database_url=url, redis_url=None)) as without,
                DagCache.open(Config(database_url=url, redis_url=redis_url)) as hurt,
            ):
                without.certify()
                hurt.certify()
                keys = [f"dag_{number}" for number in range(n_dags)]
                pairs = [(_read_ms(without, key), _read_ms(hurt, key)) for key in keys]
                extra = [theirs - ours for ours, theirs in pairs]
                yield Row(f"{name} Redis, longest over no Redis", max(extra), 60, "ms")
                yield Row(f"{name} Redis, breaker open, median over no Redis", median(extra[20:]), 1, "ms")


def stampede(servers: Servers) -> Iterator[Row]:
    """4 processes with 64 threads each want one DAG that none of them has."""
    for redis_url, limit in ((servers.redis, 2), (None, 4)):
        config = Config(
            database_url=servers.database(f"stampede_{bool(redis_url)}"),
            redis_url=redis_url,
            namespace="stampede",
        )
        with DagCache.open(Config(database_url=config.database_url, redis_url=None)) as cache:
            cache.publish("dag", generate_document("layers", 1000))
        with ExitStack() as stack:
            nodes = [stack.enter_context(reader(config)) for _ in range(4)]
            for node in nodes:
                ask(node, "ready")
            for node in nodes:
                node.send(("read_at_once", ("dag", 64)))
            reads = [node.recv() for node in nodes]
        kind = "with" if redis_url else "without"
        yield Row(f"256 readers {kind} Redis, contents read in all", sum(reads), limit, "")
        yield Row(f"256 readers {kind} Redis, contents read by one process", max(reads), 1, "")


def l2_hit(servers: Servers) -> Iterator[Row]:
    """A DAG of 1000 tasks out of Redis, digest check included, and a bare GET of the same bytes: in turn, 50 each."""
    import redis

    config = Config(
        database_url=servers.database("l2_hit"),
        redis_url=servers.redis,
        namespace="l2_hit",
        l1_max_bytes=0,
        max_staleness_seconds=3600.0,
    )
    with DagCache.open(config) as cache:
        published = cache.publish("dag", generate_document("layers", 1000))
        cache.get("dag")
        client = redis.Redis.from_url(servers.redis)
        [name] = client.keys(f"l2_hit:*:{published.content_hash}")

        def block(call: Callable[[], Any]) -> float:
            started = time.perf_counter()
            for _ in range(50):
                call()
            return time.perf_counter() - started

        pairs = [(block(lambda: client.get(name)), block(lambda: cache.get("dag"))) for _ in range(200)]
        client.close()
        assert cache.stats()["redis"]["hits"] >= 200 * 50, "it was not Redis that answered"
        yield Row("L2 hit over a bare GET, median", median(ours / bare for bare, ours in pairs), 2.5, "times")


def many_keys(servers: Servers) -> Iterator[Row]:
    """Certifying 20,000 DAGs of which none changed."""
    with DagCache.open(Config(database_url=servers.database("many_keys"), redis_url=None)) as cache:
        for first in range(0, 20_000, 500):
            cache.store.publish_many([_publication(f"dag_{first + n}") for n in range(500)])
        cache.certify()
        times = [_milliseconds(cache.certify) for _ in range(500)]
        yield Row("certify 20,000 unchanged DAGs, median", median(times), 1, "ms")


def unchanged(servers: Servers) -> Iterator[Row]:
    """The cost of publishing a content that is current already."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    config = Config(
        database_url=servers.database("unchanged"), redis_url=servers.redis, namespace="unchanged"
    )
    with DagCache.open(config) as cache:
        encoded = encode_dag(_document(1))
        cache.publish("dag", encoded)
        statements: list[str] = []

        def note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
            statements.append(statement)

        event.listen(Engine, "before_cursor_execute", note)
        commands = cache.stats()["redis"]
        published: Published = cache.publish("dag", encoded)
        event.remove(Engine, "before_cursor_execute", note)
        assert not published.changed
        after = cache.stats()["redis"]
        sent = sum(after[name] - commands[name] for name in ("puts", "notices_sent", "hits", "misses"))
        yield Row("unchanged publication, statements", len(statements), 2, "")
        yield Row("unchanged publication, Redis commands", sent, 0, "")


def memory(servers: Servers) -> Iterator[Row]:
    """The growth of a process that reads far more DAGs than fit, as the operating system reports it."""
    bound = 48 * 1024 * 1024
    url = servers.database("memory")
    keys = [f"dag_{number}" for number in range(10_000)]
    config = Config(database_url=url, redis_url=None, l1_max_bytes=bound)
    with DagCache.open(Config(database_url=url, redis_url=None)) as cache:
        for first in range(0, len(keys), 250):
            cache.store.publish_many([_publication(key, 200) for key in keys[first : first + 250]])
    for is_used, words in ((False, "loaded"), (True, "every task used")):
        with reader(config) as node:
            ask(node, "ready")
            grown, counted, entries = ask(node, "fill", keys, is_used)
        assert entries < len(keys), "everything fits: nothing was bounded"
        yield Row(f"L1, {words}: growth of the process over the bound", grown / bound, 1.1, "x")
        yield Row(f"L1, {words}: as counted over the bound", counted / bound, 1.0, "x")


MEASURES: tuple[Callable[[Servers], Iterator[Row]], ...] = (
    visible,
    hurt_redis,
    stampede,
    l2_hit,
    many_keys,
    unchanged,
    memory,
)


def run(servers: Servers, names: list[str]) -> list[Row]:
    """Runs the named measures, or all of them, and prints the progress."""
    rows: list[Row] = []
    chosen = [measure for measure in MEASURES if not names or measure.__name__ in names]
    for measure in chosen:
        print(f"{measure.__name__} ...", file=sys.stderr, flush=True)
        rows += measure(servers)
    return rows


def _document(edition: int) -> Mapping[str, Any]:
    document: Any = generate_document("layers", 20, dag_id="dag")
    document["dag"]["description"] = f"edition {edition}"
    return cast(Mapping[str, Any], document)


def _publication(key: str, n_tasks: int = 3) -> Publication:
    encoded = encode_dag(generate_document("layers", n_tasks, dag_id=key))
    return Publication(key, Content(encoded.hot, encoded.cold), encoded.content_hash)


def _read_ms(cache: DagCache, key: str) -> float:
    return _milliseconds(lambda: cache.get(key))


def _milliseconds(call: Callable[[], Any]) -> float:
    started = time.perf_counter()
    call()
    return (time.perf_counter() - started) * 1000

"""The cost of the number of DAGs in a cluster for each node: certifying, starting, memory, traffic to Redis."""

from __future__ import annotations

import gc
import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..case import Case
from ..loop.metadata_db import metadata_db
from ..memory import retained_bytes
from ..serialized import generate_document
from ..services import DATABASE, REDIS, redis_client
from ..size import Size
from ..subject import Subject
from ..suite import Chart, Metric, Round, Session

_N_TASKS = 5
_N_CHANGED = 100
_PER_PUBLICATION = 1000


class ScaleSession:
    """A cluster of so many small DAGs, and one node of it. Only the DAGs that change have contents of their own."""

    def __init__(self, case: Case, services: Mapping[str, str]) -> None:
        from sched_cache import Config, DagCache
        from sched_cache.format import encode_dag
        from sched_cache.store.sql import SqlStore

        self._n_dags = int(case.parameters["n_dags"])
        database, name = metadata_db(services[DATABASE]), f"scale_{self._n_dags}"
        is_new = not database.exists(name)
        if is_new:
            database.create(name)
        # Certifications happen when they are asked for.
        self._config = Config(
            database_url=database.url(name),
            redis_url=services.get(REDIS),
            max_staleness_seconds=3600.0,
            full_certify_seconds=86_400.0,
        )
        self._document: Any = generate_document("layers", _N_TASKS)
        self._encode = encode_dag
        self._retries = itertools.count(1)
        self._store = SqlStore.configured(self._config)
        if is_new:
            encoded = encode_dag(self._document)
            for keys in _chunks(_keys(self._n_dags)):
                self._publish(keys, encoded)
        self._cache = DagCache.open(self._config)
        self._open = DagCache.open
        self._redis = redis_client(services)

    def warm_up(self) -> None:
        self.round()

    def round(self) -> Sequence[Round]:
        changed = list(itertools.islice(_keys(self._n_dags), _N_CHANGED))
        samples = {"certify_full": _seconds(lambda: self._cache.certify(full=True))}
        samples["certify_idle"] = _seconds(self._cache.certify)
        for task in self._document["dag"]["tasks"]:
            task["__var"]["retries"] = next(self._retries)
        self._publish(changed, self._encode(self._document))
        samples["certify_changed"] = _seconds(self._cache.certify)
        with self._open(self._config) as starting:
            samples["start"] = _seconds(starting.certify)
        return [Round(samples)]

    def figures(self) -> Mapping[str, float]:
        return {"floor_bytes": self._bytes_of_pointers() / self._n_dags, **self._traffic()}

    def close(self) -> None:
        self._cache.close()
        self._store.close()
        if self._redis:
            self._redis.close()

    def _bytes_of_pointers(self) -> float:
        """The memory of a node that knows all DAGs and has loaded none."""
        opened = []

        def certified() -> object:
            cache = self._open(self._config)
            cache.certify()
            opened.append(cache)
            return cache

        try:
            return retained_bytes(certified)
        finally:
            for cache in opened:
                cache.close()

    def _traffic(self) -> dict[str, float]:
        """Bytes that Redis has received and sent: per publication, and per content that a node loads."""
        if not self._redis:
            return {}
        keys = list(itertools.islice(_keys(self._n_dags), _N_CHANGED))
        before = self._traffic_so_far()
        for number, key in enumerate(keys):
            self._document["dag"]["dag_id"] = f"published_{next(self._retries)}_{number}"
            self._cache.publish(key, self._document)
        published = self._traffic_so_far()
        with self._open(self._config) as other:
            other.get_many(keys)
            loaded = self._traffic_so_far()
        return {
            "publish_traffic_bytes": (published - before) / len(keys),
            "load_traffic_bytes": (loaded - published) / len(keys),
        }

    def _traffic_so_far(self) -> int:
        stats = self._redis.info("stats")
        return int(stats["total_net_input_bytes"] + stats["total_net_output_bytes"])

    def _publish(self, keys: Sequence[str], encoded: Any) -> None:
        from sched_cache.store import Content, Publication

        content = Content(encoded.hot, encoded.cold)
        self._store.publish_many([Publication(key, content, encoded.content_hash) for key in keys])


def _keys(n_dags: int) -> Iterator[str]:
    return (f"team_{number % 97}.dag_{number}" for number in range(n_dags))


def _chunks(keys: Iterator[str]) -> Iterator[list[str]]:
    while chunk := list(itertools.islice(keys, _PER_PUBLICATION)):
        yield chunk


def _seconds(operation: Any) -> float:
    gc.collect()
    start = time.perf_counter()
    operation()
    return time.perf_counter() - start


class ScaleSuite:
    """Only the product: the host has nothing that corresponds. The page adds an estimate for larger clusters."""

    name = "scale"
    title = "Many DAGs: what they cost each node"
    reference = "sched_cache"
    divisor = "yardstick"
    needs = frozenset({DATABASE, REDIS})
    minutes: Mapping[Size, float] = {Size.QUICK: 0.05, Size.STANDARD: 0.6}
    metrics: Sequence[Metric] = (
        Metric("certify_idle", "certify, nothing was published", "seconds", "sched_cache.freshness"),
        Metric(
            "certify_changed", f"certify, {_N_CHANGED} were published", "seconds", "sched_cache.freshness"
        ),
        Metric("certify_full", "certify all keys", "seconds", "sched_cache.freshness"),
        Metric("start", "the first certification of a process", "seconds", "sched_cache.freshness"),
        Metric("floor_bytes", "memory per DAG of which nothing but the version is known", "bytes"),
        Metric("publish_traffic_bytes", "traffic to and from Redis per publication", "bytes"),
        Metric("load_traffic_bytes", "traffic to and from Redis per DAG loaded", "bytes"),
    )
    charts: Sequence[Chart] = (
        Chart(
            "Certify, nothing was published",
            "What every node does every second. It does not depend on the number of DAGs.",
            "lines",
            ("certify_idle",),
            x="n_dags",
        ),
        Chart(
            "Certify all keys",
            "What every node does when it starts, and every few minutes to be sure.",
            "lines",
            ("certify_full",),
            x="n_dags",
        ),
    )
    headline: Sequence[str] = ("certify_idle", "certify_full", "floor_bytes")

    def cases(self, size: Size, seed: int) -> Sequence[Case]:
        sizes, budget = {
            Size.QUICK: ((100, 1000), 1.0),
            Size.STANDARD: ((1000, 10_000, 100_000), 5.0),
            Size.THOROUGH: ((1000, 10_000, 100_000), 30.0),
        }[size]
        return [Case("scale", {"n_dags": n_dags}, seed, budget, max_processes=1) for n_dags in sizes]

    def environ(self, case: Case, subject: Subject, services: Mapping[str, str]) -> Mapping[str, str]:
        return {}

    def open(self, case: Case, subject: Subject, services: Mapping[str, str]) -> Session:
        return ScaleSession(case, services)


SUITE = ScaleSuite()

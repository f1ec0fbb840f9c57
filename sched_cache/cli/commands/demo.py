"""Run a small cluster on SQLite and an in-process Redis, and show the effect of the cache.

One processor edits DAGs in quick succession; two schedulers read them and act on every change. The demo leaves no
files behind.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from sched_cache.cli.cache_options import current_pointers
from sched_cache.cli.demo_cluster import DemoCluster, document
from sched_cache.cli.progress import Progress
from sched_cache.cli.table import render
from sched_cache.config import Config
from sched_cache.format import compress, decode_dag, encode_dag
from sched_cache.stats import merge_snapshots

T = TypeVar("T")

EXAMPLES = """\
  sched-cache demo
  sched-cache demo --dags 1000 --seconds 30
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--dags", type=_positive(int), default=300, metavar="N", help="how many DAGs (default 300)"
    )
    parser.add_argument(
        "--seconds", type=_positive(float), default=8.0, metavar="S", help="how long to edit (default 8)"
    )
    parser.add_argument(
        "--seed", type=int, default=1, metavar="N", help="which DAGs, which edits (default 1)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory(prefix="sched_cache_demo_") as folder:
        config = Config(
            database_url=f"sqlite:///{Path(folder) / 'dags.db'}", redis_url=f"fake://{Path(folder).name}"
        )
        sizes = {f"dag_{number:04}": _size(number) for number in range(arguments.dags)}
        cluster = DemoCluster(config, sizes, arguments.seed)
        try:
            progress = Progress("publishing", len(sizes))
            for key in sizes:
                cluster.publish(key)
                progress.advance()
            progress.close()
            cluster.run(arguments.seconds)
            figures = _figures(cluster)
        finally:
            cluster.close()
    print(json.dumps(figures) if arguments.json else _table(figures, arguments))
    return 0 if figures["signals_lost"] == 0 else 1


def _positive(number: Callable[[str], T]) -> Callable[[str], T]:
    """A reader of positive numbers for argparse."""

    def read(given: str) -> T:
        if not 0 < float(given) < math.inf:
            raise argparse.ArgumentTypeError(f"{given!r} is not a number above 0")
        return number(given)

    read.__name__ = "number"
    return read


def _size(number: int) -> int:
    """Most DAGs are small, a few are large."""
    return 1000 if number % 100 == 50 else 100 if number % 10 == 5 else 5


def _figures(cluster: DemoCluster) -> dict[str, Any]:
    seen = cluster.seen
    snapshot = merge_snapshots(cache.stats() for cache in cluster.schedulers)
    handled: dict[str, int] = {}
    for key, edition in seen.handled:
        handled[key] = max(handled.get(key, 0), edition)
    lost = [key for key, edition in cluster.editions.items() if handled.get(key, 0) < edition]
    staleness = sorted(seen.staleness_seconds)
    large = _large_dag()
    return {
        "dags": len(cluster.sizes),
        "editions_published": sum(cluster.editions.values()),
        "reads": len(seen.hit_seconds) + len(seen.load_seconds),
        "hits_in_process": snapshot["l1"]["hits"],
        "hits_in_redis": snapshot["redis"]["hits"],
        "read_from_database": snapshot["database"]["contents_read"],
        "hit_microseconds": _median(seen.hit_seconds) * 1e6,
        "load_microseconds": _median(seen.load_seconds) * 1e6,
        "staleness_p50_ms": _quantile(staleness, 0.5) * 1e3,
        "staleness_p99_ms": _quantile(staleness, 0.99) * 1e3,
        "staleness_bound_ms": cluster.schedulers[0].config.max_staleness_seconds * 1e3,
        "signals_handled": len(seen.handled),
        "signals_lost": len(lost),
        "resident_bytes": max(cache.stats()["gauges"]["l1_bytes"] for cache in cluster.schedulers),
        "dags_with_content": len(current_pointers(cluster.processor.store)),
        **large,
    }


def _large_dag() -> dict[str, Any]:
    """The DAG of a thousand tasks, as JSON and compact, measured here and now."""
    text = json.dumps(document("large", 1000, 1))
    encoded = encode_dag(json.loads(text))
    return {
        "json_bytes": len(text),
        "compact_bytes": len(encoded.hot),
        "redis_bytes": len(compress(encoded.hot)) + len(compress(encoded.cold)),
        "json_loads_microseconds": _time(lambda: json.loads(text)),
        "decode_microseconds": _time(lambda: decode_dag(encoded.hot).index("layer_50_task_3")),
    }


def _time(action: Any) -> float:
    seconds = []
    for _ in range(30):
        started = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds) * 1e6


def _median(seconds: list[float]) -> float:
    return statistics.median(seconds) if seconds else 0.0


def _quantile(ordered: list[float], share: float) -> float:
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else 0.0


def _table(figures: dict[str, Any], arguments: argparse.Namespace) -> str:
    reads = max(figures["reads"], 1)
    rows: list[tuple[str, str]] = [
        ("DAGs, most with 5 tasks, some with 100 and 1000", f"{figures['dags']:,}"),
        ("editions published", f"{figures['editions_published']:,}"),
        (f"reads by two schedulers in {arguments.seconds:g} s", f"{figures['reads']:,}"),
        ("  answered in the process", f"{100 * figures['hits_in_process'] / reads:.1f} %"),
        ("  loaded from Redis", f"{figures['hits_in_redis']:,}"),
        ("  loaded from the database", f"{figures['read_from_database']:,}"),
        ("a read that hits, median", f"{figures['hit_microseconds']:.1f} us"),
        ("a read that loads, median", f"{figures['load_microseconds']:,.0f} us"),
        ("age of the data read, p50 / p99", _pair(figures, "staleness_p50_ms", "staleness_p99_ms")),
        ("  limit", f"{figures['staleness_bound_ms']:,.0f} ms"),
        ("signals of the processor handled", f"{figures['signals_handled']:,}"),
        ("signals lost", f"{figures['signals_lost']}"),
        ("memory of one scheduler's DAGs", f"{figures['resident_bytes'] / 1e6:.1f} MB"),
    ]
    large = [
        ("bytes", f"{figures['json_bytes']:,}", f"{figures['compact_bytes']:,}"),
        ("bytes in Redis, all of it", "", f"{figures['redis_bytes']:,}"),
        (
            "to parse it / to use it",
            f"{figures['json_loads_microseconds']:,.0f} us",
            f"{figures['decode_microseconds']:,.0f} us",
        ),
    ]
    return "\n\n".join(
        (
            render(("a cluster on SQLite and an in-process Redis", ""), rows),
            render(("a DAG of 1000 tasks", "JSON", "compact"), large),
            "All threads share one interpreter here, so times are upper bounds. `make bench` measures with care.",
        )
    )


def _pair(figures: dict[str, Any], one: str, other: str) -> str:
    return f"{figures[one]:.1f} / {figures[other]:.1f} ms"

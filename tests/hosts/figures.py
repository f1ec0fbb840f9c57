"""The figures of memory and time that the plugin promises, beside stock: `main` is the command of either host.

Each measurement is a process of its own, stock and plugin right after each other on one PostgreSQL. Status 1 if a
promise was not kept.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from sched_cache.cli.table import render
from tests.hosts.home import AirflowHome
from tests.hosts.metadata_db import PostgresMetadataDb
from tests.hosts.subject import OFF, ON
from tests.support.module_process import CHECKOUT, FROM_CHECKOUT
from tests.support.servers import RedisServer

Figures = dict[str, float]
BOUND_BYTES = 24 << 20
NO_REDIS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Cluster:
    """The servers, with the DAGs in them."""

    environment: Mapping[str, str]
    redis: RedisServer
    child: str

    def measure(
        self, name: str, *arguments: str, plugin: bool, options: Mapping[str, str] = NO_REDIS
    ) -> Figures:
        """The figures of one child."""
        done = subprocess.run(
            [sys.executable, "-m", self.child, name, *arguments],
            env={**self.environment, **(ON if plugin else OFF), **options},
            cwd=CHECKOUT,
            stdout=subprocess.PIPE,
            text=True,
            timeout=900,
            check=True,
        )
        # The host may have the last word.
        lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
        figures: Figures = json.loads(lines[-1])
        return figures

    @property
    def with_redis(self) -> dict[str, str]:
        return {"AIRFLOW__SCHED_CACHE__REDIS_URL": self.redis.url}


Row = tuple[str, str, str, str, bool]
"""The name of the figure, stock, plugin, promise, whether it was kept."""


def memory(cluster: Cluster) -> list[Row]:
    stock, ours = (cluster.measure("memory", plugin=plugin) for plugin in (False, True))
    option = {"AIRFLOW__SCHED_CACHE__L1_MAX_BYTES": str(BOUND_BYTES)}
    bounded = cluster.measure("memory", plugin=True, options=option)
    rows = [
        times(f"memory of 500 x 200 tasks, {what} (MB)", stock[name], ours[name], 10)
        for what, name in (("held", "held_mb"), ("a minute after every task was used", "later_mb"))
    ]
    rows.append(
        ("  every task used at once (MB)", f"{stock['used_mb']:.2f}", f"{ours['used_mb']:.2f}", "", True)
    )
    row = f"the same, L1 bounded to {bounded['bound_mb']:.0f} MB"
    rows.append((row, "", f"{bounded['l1_mb']:.1f}", "<= bound", bounded["l1_mb"] <= bounded["bound_mb"]))
    return rows


def miss(cluster: Cluster) -> list[Row]:
    stock = cluster.measure("miss", plugin=False)
    rows = []
    for where, options, wanted in (("Redis", cluster.with_redis, 100), ("our row", NO_REDIS, 30)):
        ours = cluster.measure("miss", plugin=True, options=options)
        rows.append(times(f"miss of 1000 tasks, from {where} (ms)", stock["ms"], ours["ms"], wanted))
        used = f"{ours['used_ms']:.3f}"
        rows.append(("  until a task's relatives are known (ms)", f"{stock['used_ms']:.2f}", used, "", True))
    return rows


def restart(cluster: Cluster) -> list[Row]:
    stock = cluster.measure("restart", plugin=False)["seconds"]
    from_redis = cluster.measure("restart", plugin=True, options=cluster.with_redis)["seconds"]
    from_rows = cluster.measure("restart", plugin=True)["seconds"]
    return [
        times("restart, 1000 DAGs x 100 tasks, from Redis (s)", stock, from_redis, 30),
        times("restart, 1000 DAGs x 100 tasks, from our rows (s)", stock, from_rows, 30),
    ]


def latest(cluster: Cluster) -> list[Row]:
    stock, ours = (cluster.measure("latest", plugin=plugin) for plugin in (False, True))
    row = f"API look-up of the latest version, {stock['document_kb']:.0f} KB (ms)"
    return [(row, f"{stock['ms']:.2f}", f"{ours['ms']:.3f}", "<= 1", ours["ms"] <= 1)]


def visible(cluster: Cluster) -> list[Row]:
    stock, ours = (cluster.measure("visible", plugin=plugin) for plugin in (False, True))
    shown = [
        f"not within {figures['seconds']:.0f} s"
        if math.isinf(figures["loops"])
        else f"{figures['loops']:.0f} loops, {figures['seconds']:.2f} s"
        for figures in (stock, ours)
    ]
    return [("commit of a change to its use", *shown, "next loop", ours["loops"] == 1)]  # type: ignore[list-item]  # two


def times(what: str, stock: float, ours: float, wanted: float) -> Row:
    ratio = stock / ours if ours > 0 else float("inf")
    return what, f"{stock:.2f}", f"{ours:.3f}", f"{ratio:.0f}x of {wanted:.0f}x", ratio >= wanted


FIGURES: dict[str, tuple[Callable[[Cluster], list[Row]], tuple[str, ...]]] = {
    "memory": (memory, ("large", "version")),
    "miss": (miss, ("large",)),
    "restart": (restart, ("large", "active")),
    "latest": (latest, ("page",)),
    "visible": (visible, ("edited",)),
}
"""By name: what measures it, and the DAGs that it needs."""


def main(
    names: list[str],
    *,
    child: str,
    known: Sequence[str],
    options: Mapping[str, str] = NO_REDIS,
) -> int:
    """Prints a table; 1 if a promise was not kept.

    Args:
        child: the module that measures. known: what it can. options: of the host.
    """
    unknown = set(names) - set(known)
    if unknown:
        print(f"no figure called {', '.join(sorted(unknown))}; there are {', '.join(known)}", file=sys.stderr)
        return 2
    rows: list[Row] = []
    with ExitStack() as stack:
        database = PostgresMetadataDb()
        stack.callback(database.stop)
        home = AirflowHome(database.url, options=options)
        stack.callback(home.remove)
        environment = {**os.environ, **home.environment, **FROM_CHECKOUT}
        database.start({**environment, **OFF})
        cluster = Cluster(environment, stack.enter_context(RedisServer()), child)
        chosen = names or list(known)
        dags = dict.fromkeys(prefix for name in chosen for prefix in FIGURES[name][1])
        cluster.measure("write", *dags, plugin=False)
        cluster.measure("fill", *dags, plugin=True, options=cluster.with_redis)
        for name in chosen:
            measure, _ = FIGURES[name]
            rows += measure(cluster)
    cells = [(*row[:4], "" if row[4] else "NOT KEPT") for row in rows]
    print(render(("", "stock", "plugin", "promise", ""), cells, numeric=("stock", "plugin")))
    return 0 if all(is_kept for *_, is_kept in rows) else 1

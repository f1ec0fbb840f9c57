"""Two schedulers, one stock and one with the plugin, while DAGs are edited twice a second and runs are created.

Run it with the Python of a host: `python -m tests.edited_cluster --minutes 20`. Its status is 1 if a run lost a task,
a try began twice, a run did not end, or the memory of our scheduler grew in the second half.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import ExitStack

from tests.edited_cluster.cluster import Report, play
from tests.hosts.prepared import prepared
from tests.hosts.subject import ON
from tests.support.servers import PostgresServer, RedisServer

MAY_GROW = 0.03
SETTLES_MINUTES = 10.0


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.edited_cluster", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args(arguments)
    with ExitStack() as stack:
        server, redis = stack.enter_context(PostgresServer()), stack.enter_context(RedisServer())
        options = {"AIRFLOW__CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "0"}
        airflow = stack.enter_context(prepared(server.url("").rstrip("/"), "edited", options=options))
        plugin = {**ON, "AIRFLOW__SCHED_CACHE__REDIS_URL": redis.url}
        report = play(airflow.database_url, airflow.environ, plugin, 60 * chosen.minutes, chosen.seed)
    print(report)
    for one in report.wrong["stock"][:5]:
        print(f"stock: {one}")
    found = violations(report)
    if chosen.minutes >= SETTLES_MINUTES:
        found += growths(report)
    else:
        print(f"memory is judged from {SETTLES_MINUTES:.0f} minutes on")
    for one in found[:20]:
        print(one)
    print(f"{len(found)} violations, seed {chosen.seed}")
    return 1 if found else 0


def violations(report: Report) -> list[str]:
    """Everything that must not have happened. Runs that stock's scheduler has ended with wrong tasks are stock's."""
    found = [*report.wrong["ours"], *report.stuck, *(f"begun twice: {task}" for task in report.doubled)]
    if found or not report.ended.get("ours"):
        return found or ["our scheduler ended by itself"]
    # An edit that removes a task leaves instances without one, which the host decides.
    fallbacks = {
        reason: count
        for reason, count in report.ended["ours"]["fallbacks"].items()
        if reason != "fast path: task instance without a task"
    }
    if fallbacks:
        found.append(f"fallbacks: {fallbacks}")
    return found


def growths(report: Report) -> list[str]:
    """The growth in the second half that exceeds that of stock."""
    found = []
    for what in ("pss_bytes", "n_objects"):
        ours, stock = (report.growth(name, what) for name in ("ours", "stock"))
        if ours > max(MAY_GROW, stock + MAY_GROW / 3):
            found.append(
                f"{what} grew by {100 * ours:.1f} % in the second half, on stock by {100 * stock:.1f} %"
            )
    return found


if __name__ == "__main__":
    sys.exit(main())

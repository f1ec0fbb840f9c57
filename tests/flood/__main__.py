"""A scheduler and a reader whose notification channel carries forged messages, beside the same without them.

Run it with the Python of a host: `python -m tests.flood`. Its status is 1 if a promise is not kept: at most 20
questions a second and process, loops at most 1.1 times as long, and real publications used within
`max_staleness_seconds`.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles

from sched_cache import Config, DagCache
from tests.hosts.rows import value
from tests.hosts.tiers import WELL, Tiers, Trouble
from tests.support.module_process import ModuleProcess
from tests.trouble.cluster import Cluster, SchedulerHandle

_MAX_QUESTIONS = 20.0
_MAX_RATIO = 1.1
_MAX_STALENESS_SECONDS = 1.0
_TICKS = os.sysconf("SC_CLK_TCK")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.flood", description=__doc__)
    parser.add_argument("--per-second", type=int, default=10_000, help="forged messages (default 10000)")
    parser.add_argument("--rounds", type=int, default=10, help="of loops with and without (default 10)")
    parser.add_argument("--publications", type=int, default=200, help="real ones, in the flood (default 200)")
    chosen = parser.parse_args(arguments)
    with Tiers() as tiers:
        kept = [_loops(tiers, chosen.per_second, chosen.rounds)]
        kept.append(_publications(tiers, chosen.per_second, chosen.publications))
    return 0 if all(kept) else 1


def _loops(tiers: Tiers, per_second: int, n_rounds: int) -> bool:
    """Blocks of loops with the flood and without it, in turn."""
    walls: dict[bool, list[float]] = {False: [], True: []}
    processors: dict[bool, list[float]] = {False: [], True: []}
    questions: list[float] = []
    with Cluster(tiers, 20, 50) as cluster:
        tiers.make(Trouble(WELL, WELL))
        environ = tiers.environ(Trouble(WELL, WELL))
        database = environ["AIRFLOW__SCHED_CACHE__DATABASE_URL"].rpartition("/")[2]
        scheduler = cluster.fork(environ)
        scheduler.ask("open")
        for _ in range(5):
            scheduler.ask("loop")
        for _ in range(n_rounds):
            for is_flooded in (False, True):
                with _flooding(tiers, per_second, is_flooded) as sent:
                    before, started = _transactions(tiers, database), time.monotonic()
                    processor = _processor_seconds(scheduler)
                    walls[is_flooded] += [scheduler.ask("loop")["seconds"] for _ in range(20)]
                    processors[is_flooded].append(_processor_seconds(scheduler) - processor)
                    time.sleep(1)
                    rate = (_transactions(tiers, database) - before) / (time.monotonic() - started)
                    if is_flooded:
                        questions.append(rate)
                        assert sent(), "the flooder has sent nothing"
        scheduler.kill()
    ratio = median(walls[True]) / median(walls[False])
    processor_ratio = median(processors[True]) / median(processors[False])
    print(f"{per_second} forged messages a second, a scheduler with 20 DAGs of 50 tasks")
    print(
        f"loop: {1000 * median(walls[False]):.1f} ms without, {1000 * median(walls[True]):.1f} ms with: {ratio:.2f}x"
    )
    print(f"processor time of the process for 20 loops: {processor_ratio:.2f}x")
    print(
        f"transactions on our tables: at most {max(questions):.1f} a second, median {median(questions):.1f}"
    )
    return ratio <= _MAX_RATIO and max(questions) <= _MAX_QUESTIONS


def _publications(tiers: Tiers, per_second: int, n: int) -> bool:
    """A process publishes, another one reads, and the channel is flooded."""
    database = tiers.server.create_database()
    redis_url = tiers.environ(Trouble(WELL, WELL))["AIRFLOW__SCHED_CACHE__REDIS_URL"]
    options = {
        "database_url": tiers.server.url(database),
        "redis_url": redis_url,
        "max_staleness_seconds": _MAX_STALENESS_SECONDS,
    }
    source, delays = random.Random(7), []
    with DagCache.open(Config(**options)) as cache:
        cache.publish("x", _document(1))
        with ModuleProcess("tests.flood.reader", json.dumps(options)) as reader:
            assert reader.answer() == "ready"
            reader.answer()
            with _flooding(tiers, per_second, True) as sent:
                before, started = _transactions(tiers, database), time.monotonic()
                for edition in range(2, n + 2):
                    time.sleep(source.uniform(0.05, 0.35))
                    cache.publish("x", _document(edition))
                    published = time.time()
                    seen, at = 0, 0.0
                    while seen < edition:
                        seen, at = reader.answer()
                    delays.append(max(0.0, at - published))
                rate = (_transactions(tiers, database) - before) / (time.monotonic() - started)
                assert sent(), "the flooder has sent nothing"
    p99 = quantiles(delays, n=100, method="inclusive")[98]
    print(
        f"{n} real publications in it: used after {1000 * median(delays):.0f} ms (median), p99 {1000 * p99:.0f} ms,"
    )
    print(f"at most {1000 * max(delays):.0f} ms; {rate:.1f} transactions a second, publications included")
    return p99 <= _MAX_STALENESS_SECONDS


@contextmanager
def _flooding(tiers: Tiers, per_second: int, is_flooded: bool) -> Iterator[Callable[[], int]]:
    """Yields a function that returns how many messages have been sent; the flood is under way by then."""
    if not is_flooded:
        time.sleep(1)
        yield lambda: 0
        return
    with ModuleProcess("tests.flood.flooder", tiers.redis_url, str(per_second)) as flooder:
        while flooder.answer() < per_second:
            pass
        yield flooder.answer


def _transactions(tiers: Tiers, database: str) -> int:
    """Of the database of our tables, all processes together. The server counts them up to a second late."""
    statement = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = %s"
    return int(value(tiers.server.url("postgres"), statement, [database]))


def _processor_seconds(scheduler: SchedulerHandle) -> float:
    fields = Path(f"/proc/{scheduler.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _document(retries: int) -> dict[str, object]:
    tasks = [{"__type": "operator", "__var": {"task_id": f"t{i}", "retries": retries}} for i in range(50)]
    return {"__version": 3, "dag": {"dag_id": "x", "fileloc": "/d/x.py", "timezone": "UTC", "tasks": tasks}}


if __name__ == "__main__":
    sys.exit(main())

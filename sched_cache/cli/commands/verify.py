"""Compare every stored copy of every DAG with its hash and its pointer.

Copies in the database must match their pointers. Redis may lack a copy, but must not hold a different one.
"""

from __future__ import annotations

import argparse
import json

from sched_cache.cli.cache_options import add_cache_options, config_of, current_pointers
from sched_cache.cli.progress import Progress
from sched_cache.cli.table import render
from sched_cache.clock import SystemClock
from sched_cache.errors import FormatError
from sched_cache.format import content_hash_of, decode_dag, part_digest
from sched_cache.stats import Stats
from sched_cache.store.contract import Pointer, Store
from sched_cache.store.l2 import Answer
from sched_cache.store.redis import open_l2

EXAMPLES = """\
  sched-cache verify                exit code 1 if there is a difference
"""
_BATCH = 128
_SHOWN = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_cache_options(parser)


def run(arguments: argparse.Namespace) -> int:
    from sched_cache.store.sql import SqlStore

    config, stats = config_of(arguments), Stats()
    store, l2 = SqlStore.configured(config), open_l2(config, stats, SystemClock())
    differences: list[tuple[str, str, str]] = []
    counts = {"dags": 0, "in_redis": 0, "not_in_redis": 0, "redis_unavailable": 0}
    try:
        pointers = current_pointers(store)
        progress = Progress("verifying", len(pointers))
        for start in range(0, len(pointers), _BATCH):
            batch = pointers[start : start + _BATCH]
            differences += _in_database(store, batch)
            damaged = stats.redis.damaged
            for pointer in batch:
                answer = l2.get(pointer.content_hash or "") if config.redis_url else Answer.MISS
                counts["in_redis"] += isinstance(answer, bytes)
                counts["not_in_redis"] += answer is Answer.MISS
                counts["redis_unavailable"] += answer is Answer.UNAVAILABLE
                if stats.redis.damaged > damaged:
                    damaged = stats.redis.damaged
                    differences.append(
                        (pointer.key, "redis", "was not the content it is named after; removed")
                    )
            counts["dags"] += len(batch)
            progress.advance(len(batch))
        progress.close()
    finally:
        l2.close()
        store.close()
    if arguments.json:
        print(json.dumps({**counts, "differences": differences}))
    else:
        print(", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items()))
        print(f"{len(differences):,} differences" + (", the first:" if len(differences) > _SHOWN else ""))
        if differences:
            print(render(("key", "where", "what"), differences[:_SHOWN]))
    return 1 if differences else 0


def _in_database(store: Store, pointers: list[Pointer]) -> list[tuple[str, str, str]]:
    keys = [pointer.key for pointer in pointers]
    hot, cold = store.read_hot(keys), store.read_cold(keys)
    found = []
    for pointer in pointers:
        stored = hot.get(pointer.key)
        if stored is None or stored.pointer.content_hash != pointer.content_hash:
            continue  # published or deleted since the pointers were read
        if stored.data is None or content_hash_of(stored.data) != pointer.content_hash:
            found.append((pointer.key, "database", "the hot part does not have the hash of its pointer"))
            continue
        try:
            dag = decode_dag(stored.data)
        except FormatError as error:
            found.append((pointer.key, "database", str(error)))
            continue
        row = cold.get(pointer.key)
        is_same = row is not None and row.pointer.content_hash == pointer.content_hash
        if (
            row is not None
            and is_same
            and (row.data is None or part_digest(row.data).hex() != dag.cold_digest)
        ):
            found.append((pointer.key, "database", "the cold part does not belong to the hot one"))
    return found

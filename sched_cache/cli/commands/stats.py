"""Show the published DAGs, the fresh DAGs, and the state of Redis.

The counters of a running scheduler are in its own process: use its exporter. This command shows the shared state.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

from sched_cache.cli.cache_options import add_cache_options, config_of
from sched_cache.cli.table import render
from sched_cache.config import Config
from sched_cache.store.contract import Store

_REDIS_SECONDS = 10.0

EXAMPLES = """\
  sched-cache stats
  sched-cache stats --watch 2      again every two seconds
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--watch", type=float, metavar="SECONDS", help="repeat every SECONDS until interrupted"
    )
    add_cache_options(parser)


def run(arguments: argparse.Namespace) -> int:
    from sched_cache.store.sql import SqlStore

    config = config_of(arguments)
    store = SqlStore.configured(config)
    try:
        while True:
            facts = {**_database(store), **_redis(config)}
            print(json.dumps(facts) if arguments.json else render(("", ""), list(facts.items())), flush=True)
            if not arguments.watch:
                return 0
            time.sleep(arguments.watch)
    finally:
        store.close()


def _database(store: Store) -> dict[str, Any]:
    changes = store.changes_since(0)
    n_dags = sum(pointer.content_hash is not None for pointer in changes.pointers)
    return {
        "dags": n_dags,
        "tombstones": len(changes.pointers) - n_dags,
        "fresh": len(store.fresh(0, 1_000_000).pointers),
        "counter": changes.counter,
        "incarnation": changes.incarnation,
    }


def _redis(config: Config) -> dict[str, Any]:
    if config.redis_url is None:
        return {"redis": "none"}
    from sched_cache.config import parse_redis_url
    from sched_cache.store.redis.client import close_client, open_client
    from sched_cache.store.redis.deadline import start_call
    from sched_cache.store.redis.link import FAILURES, reason_of

    client: Any = None
    start_call(_REDIS_SECONDS)
    try:
        client = open_client(parse_redis_url(config.redis_url), config.redis_timeout_seconds)
        info = client.info()
        return {
            "redis": info.get("redis_version", "unknown"),
            "redis_memory": info.get("used_memory_human", "unknown"),
            "redis_evicted": info.get("evicted_keys", 0),
            "redis_hits": info.get("keyspace_hits", 0),
            "redis_misses": info.get("keyspace_misses", 0),
        }
    except FAILURES as error:
        return {"redis": f"unavailable: {reason_of(error)}"}
    finally:
        if client is not None:
            close_client(client)

"""The options that select the cache of a command. Without them, the environment selects it."""

from __future__ import annotations

import argparse
import os
from dataclasses import replace

from sched_cache.config import Config
from sched_cache.dag_cache import DagCache
from sched_cache.store.contract import Pointer, Store


def add_cache_options(parser: argparse.ArgumentParser, *, with_json: bool = True) -> None:
    """Adds `--database-url`, `--redis-url` and, with `with_json`, `--json`."""
    parser.add_argument("--database-url", metavar="URL", help="instead of SCHED_CACHE__DATABASE_URL")
    parser.add_argument(
        "--redis-url", metavar="URL", help="instead of SCHED_CACHE__REDIS_URL; `none` for no Redis"
    )
    if with_json:
        parser.add_argument("--json", action="store_true", help="print JSON")


def config_of(arguments: argparse.Namespace) -> Config:
    """The configuration from environment and options. A Redis inside the process is of no use to a command.

    Raises:
        ConfigError: an option or a variable is not understood.
    """
    config = Config.load()
    if "SCHED_CACHE__REDIS_URL" not in os.environ:
        config = replace(config, redis_url=None)
    if arguments.database_url:
        config = replace(config, database_url=arguments.database_url)
    if arguments.redis_url:
        config = replace(config, redis_url=None if arguments.redis_url == "none" else arguments.redis_url)
    return config


def is_told(arguments: argparse.Namespace) -> bool:
    """Whether options or environment name the tiers; otherwise an installed host does."""
    return bool(arguments.database_url or arguments.redis_url or "SCHED_CACHE__DATABASE_URL" in os.environ)


def open_cache(arguments: argparse.Namespace) -> DagCache:
    """The selected cache.

    Raises:
        ConfigError: an option is not understood.
    """
    return DagCache.open(config_of(arguments))


def current_pointers(store: Store) -> list[Pointer]:
    """The pointers of all DAGs by key, without tombstones."""
    pointers = (pointer for pointer in store.changes_since(0).pointers if pointer.content_hash is not None)
    return sorted(pointers, key=lambda pointer: pointer.key)

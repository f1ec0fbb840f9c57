"""Create or upgrade the tables.

Any number of processes may run this at once. Where Airflow is installed, its `[sched_cache]` section names the
database unless an option or the environment does, and the tables of the plugin are created as well. Without this
command, the first use of the cache creates the tables, unless SCHED_CACHE__CREATE_TABLES is false.
"""

from __future__ import annotations

import argparse
import json

from sched_cache.cli.cache_options import add_cache_options, config_of, is_told
from sched_cache.cli.examination import examinations
from sched_cache.config import redact_url

EXAMPLES = """\
  sched-cache init-db --database-url postgresql://airflow@db/airflow
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_cache_options(parser)


def run(arguments: argparse.Namespace) -> int:
    from sched_cache.store.sql import SCHEMA_VERSION, SqlStore

    config, connect = config_of(arguments), None
    hosts = list(examinations())
    if not is_told(arguments):
        for host in hosts:
            if host.config is not None:
                config, connect = host.config, host.connect
    more = [table for host in hosts for table in host.tables(config)]
    store = SqlStore.configured(config, connect=connect, tables=more)
    try:
        store.init_db()
    finally:
        store.close()
    url = redact_url(config.database_url)
    if arguments.json:
        print(
            json.dumps(
                {"database_url": url, "table_prefix": config.table_prefix, "schema_version": SCHEMA_VERSION}
            )
        )
    else:
        print(f"{url}: tables {config.table_prefix}* are at schema version {SCHEMA_VERSION}")
    return 0

"""Notice writes to Airflow's DAGs that bypass Airflow, by a trigger of the database.

Without the trigger, the next scheduler loop finds such a write, because every loop asks which content is current. With
it, other processes are notified and find the new content prepared. `remove` leaves nothing behind except a table.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sched_cache.cli.failure import UsageError
from sched_cache.config import Config, redact_url

EXAMPLES = """\
  sched-cache airflow-trigger install     in the metadata database of the Airflow that is installed here
  sched-cache airflow-trigger remove
  sched-cache airflow-trigger install --database-url postgresql://airflow@db/airflow
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=["install", "remove"])
    parser.add_argument("--database-url", metavar="URL", help="instead of the metadata database of Airflow")


def run(arguments: argparse.Namespace) -> int:
    from sched_cache_airflow.triggers.trigger import install_trigger, remove_trigger

    config, connect, schema = _config(arguments.database_url, is_removal=arguments.action == "remove")
    act = install_trigger if arguments.action == "install" else remove_trigger
    names = act(config, connect, schema)
    done = {"install": "installed", "remove": "removed"}[arguments.action]
    print(f"{redact_url(config.database_url)}: {done} {', '.join(names) or 'nothing: there was none'}")
    return 0


def _config(
    database_url: str | None, *, is_removal: bool
) -> tuple[Config, Callable[[], Any] | None, str | None]:
    """The settings of the Airflow that is installed here, if there is one, its way to connect, and its schema.

    Another database than that of Airflow is opened by its URL alone: None. A `database_url` given in place of its own
    is most often the same database for another role, so the schema is that of Airflow.

    Raises:
        ConfigError: an option is not understood.
        StoreUnavailableError: Airflow cannot connect to its database.
    """
    try:
        from sched_cache_airflow.settings.host_settings import (
            host_database_url,
            host_schema,
            strict_settings_of_host,
        )

        config = strict_settings_of_host().config
    except ImportError:
        if database_url is None:
            raise UsageError("Airflow is not installed here: say --database-url") from None
        return Config(redis_url=None, database_url=database_url), None, None
    from sched_cache_airflow.host_database.connections import as_host_connects
    from sched_cache_airflow.host_database.transactions import host_engine

    host_url = host_database_url()
    database_url = database_url or host_url
    if not is_removal and database_url == host_url != config.database_url:
        raise UsageError(
            "the plugin's tables are not in the metadata database, and a trigger cannot write to another one; "
            "schedulers find such writes by comparing hashes"
        )
    if database_url == host_url:
        host_engine()  # which the connections are to be opened by
    return (*as_host_connects(replace(config, database_url=database_url)), host_schema())

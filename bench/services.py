"""The servers that suites need, started once for all suites of one command."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from .airflow_home import airflow_home
from .servers import postgres_server, redis_server

HOME, DATABASE, REDIS = "home", "database", "redis"
"""A folder for Airflow; the server of the metadata databases (`loop.metadata_db`); the URL of a Redis."""


def redis_client(services: Mapping[str, str]) -> Any:
    """A connected client, because connecting sends commands of its own; None if the run has no Redis."""
    if REDIS not in services:
        return None
    import redis

    client: Any = redis.Redis.from_url(services[REDIS])
    client.ping()
    return client


@contextmanager
def start_services(needed: Collection[str], *, quick: bool) -> Iterator[Mapping[str, str]]:
    """Name -> address. Quick: SQLite files, and a Redis only if it is installed.

    Raises:
        ServerError: not quick, and PostgreSQL or Redis is not installed or did not start.
    """
    with ExitStack() as stack:
        home = stack.enter_context(airflow_home())
        services = {HOME: home}
        if DATABASE in needed and quick:
            folder = os.path.join(home, "databases")
            os.mkdir(folder)
            services[DATABASE] = f"sqlite:{folder}"
        elif DATABASE in needed:
            services[DATABASE] = stack.enter_context(postgres_server())
        if REDIS in needed and (not quick or shutil.which("redis-server")):
            services[REDIS] = stack.enter_context(redis_server())
        yield services

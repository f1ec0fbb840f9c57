"""Connections to the host's database that are opened in the same way as the host's own, outside of its pool.

The settings for a connection may be in `[database] sql_alchemy_connect_args`, in engine arguments, in an event that
adds a token, or in a site's own engine in `airflow_local_settings`. The engine of the host has all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sqlalchemy.engine import make_url

from sched_cache.config import Config
from sched_cache.errors import StoreUnavailableError
from sched_cache_airflow.host_database.transactions import known_engine
from sched_cache_airflow.settings.host_settings import host_database_url


def open_as_host() -> Any:
    """A connection of the driver, which does not belong to the host's pool.

    Raises:
        StoreUnavailableError: the host has not created its engine in this process.
    """
    engine = known_engine()
    if engine is None:
        raise StoreUnavailableError("Airflow has not connected to its database")
    # Another pool with the same function that opens a connection, and the same listeners that complete it.
    lent: Any = engine.pool.recreate().connect()
    connection = lent.dbapi_connection
    lent.detach()
    return connection


def as_host_connects(
    config: Config, host_url: Callable[[], str] = host_database_url
) -> tuple[Config, Callable[[], Any] | None]:
    """`config` with the driver of the host, and the function that opens connections; None for a database of our own.

    A SQLite file is opened by its name alone.
    """
    url = make_url(config.database_url)
    if url.get_backend_name() == "sqlite" or config.database_url != host_url():
        return config, None
    engine = known_engine()
    if engine is not None:
        url = url.set(drivername=f"{url.get_backend_name()}+{engine.dialect.driver}")
    return replace(config, database_url=url.render_as_string(hide_password=False)), open_as_host

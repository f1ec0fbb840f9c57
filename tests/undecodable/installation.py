"""An installation of the host whose package this process has, on a PostgreSQL of its own."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

from tests.hosts.home import AirflowHome, option
from tests.hosts.metadata_db import PostgresMetadataDb
from tests.undecodable.rows import Database


@contextmanager
def host_of_this_process() -> Iterator[tuple[Any, Database]]:
    """(the host, its database), migrated, with both DAGs; taken away with the block."""
    postgres = PostgresMetadataDb()
    home = AirflowHome(postgres.url, options={option("sched_cache", "enabled"): "False"})
    try:
        home.environment["AIRFLOW__LOGGING__LOGGING_LEVEL"] = "CRITICAL"
        home.environment["AIRFLOW__DATABASE__CHECK_MIGRATIONS"] = "False"  # before every command
        os.environ.update(home.environment)
        postgres.start({**os.environ, **home.environment})
        warnings.simplefilter("ignore")
        logging.captureWarnings(False)
        with stored_host(postgres.url) as found:
            yield found
    finally:
        postgres.stop()
        home.remove()


@contextmanager
def stored_host(url: str) -> Iterator[tuple[Any, Database]]:
    """The same in the empty database at this URL."""
    host: Any
    if version("apache-airflow").startswith("2."):
        from tests.undecodable.airflow2.host import Airflow2

        host = Airflow2()
    else:
        from airflow.dag_processing.bundles.manager import DagBundlesManager

        from tests.undecodable.airflow3.host import Airflow3

        DagBundlesManager().sync_bundles_to_db()
        host = Airflow3()
    host.store()
    database = Database(url)
    try:
        database.execute(host.statements)
        database.keep()
        yield host, database
    finally:
        database.close()

"""One Airflow installation per session, one empty metadata database per test: for the `conftest.py` of either host.

``SCHED_CACHE_AIRFLOW_DB`` chooses ``postgresql`` (the default where it is installed), ``mariadb`` or ``sqlite``.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping

import pytest

from tests.hosts.home import AirflowHome, option
from tests.hosts.metadata_db import MariadbMetadataDb, MetadataDb, PostgresMetadataDb, SqliteMetadataDb
from tests.hosts.subject import OFF
from tests.support.servers import ServerMissingError

_EXAMPLE_PLUGIN = """
from airflow.example_dags.plugins.decreasing_priority_weight_strategy import DecreasingPriorityStrategy
from airflow.example_dags.plugins.workday import AfterWorkdayTimetable
from airflow.plugins_manager import AirflowPlugin


class Examples(AirflowPlugin):
    name = "examples"
    priority_weight_strategies = [DecreasingPriorityStrategy]
    timetables = [AfterWorkdayTimetable]
"""
# A machine that runs tests is busy: the plugin must not give a database up that is merely slow.
_PATIENT = {option("sched_cache", "database_timeout_seconds"): "60"}
# On SQLite the plugin's tables are in a file of their own, whose answers count as those of any shared tier.
_PATIENT_ON_SQLITE = {option("sched_cache", "tier_loss_seconds"): "30"}
_HOME = pytest.StashKey[AirflowHome]()
_DATABASE = pytest.StashKey[MetadataDb]()


def begin(
    config: pytest.Config,
    *,
    options: Mapping[str, str] | None = None,
    options_on_sqlite: Mapping[str, str] | None = None,
) -> None:
    """Point Airflow at a temporary home: it reads its environment on import, and test modules import it."""
    database = chosen_database(os.environ.get("SCHED_CACHE_AIRFLOW_DB"))
    # Off until a test asks for it: a checkout with metadata beside it brings its entry points along.
    home = AirflowHome(database.url, options={**OFF, **_PATIENT, **(options or {})})
    if database.name == "sqlite":
        home.environment.update({**_PATIENT_ON_SQLITE, **(options_on_sqlite or {})})
    # Two of the example DAGs need what an example plugin registers.
    (home.plugins / "examples.py").write_text(_EXAMPLE_PLUGIN)
    os.environ.update(home.environment)
    config.stash[_HOME] = home
    config.stash[_DATABASE] = database
    config.add_cleanup(home.remove)
    config.add_cleanup(database.stop)


def chosen_database(name: str | None) -> MetadataDb:
    """The one of that name. Without a name PostgreSQL, or SQLite where that is not installed and CI is not set."""
    if name == "sqlite":
        return SqliteMetadataDb()
    if name == "mariadb":
        return MariadbMetadataDb()
    try:
        return PostgresMetadataDb()
    except ServerMissingError:
        if name == "postgresql" or os.environ.get("CI"):
            raise
        return SqliteMetadataDb()


@pytest.fixture(scope="session")
def airflow_home(request: pytest.FixtureRequest) -> AirflowHome:
    """The session's AIRFLOW_HOME."""
    return request.config.stash[_HOME]


@pytest.fixture(scope="session")
def migrated_db(request: pytest.FixtureRequest, airflow_home: AirflowHome) -> MetadataDb:
    """The session's database server with its migrated template."""
    database = request.config.stash[_DATABASE]
    database.start({**os.environ, **airflow_home.environment})
    return database


@pytest.fixture
def airflow_db(migrated_db: MetadataDb, empty_database: Callable[[], None]) -> MetadataDb:
    """An empty metadata database."""
    empty_database()
    return migrated_db


def empty(database: MetadataDb) -> None:
    """Puts the template in place of the database."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a host uses what its libraries deprecate
        from airflow import settings

        assert settings.engine is not None
        settings.engine.dispose()
    database.restore()

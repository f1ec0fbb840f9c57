"""One Airflow 2.11 installation per session, one empty metadata database per test.

``SCHED_CACHE_AIRFLOW_DB`` chooses ``postgresql`` (the default where it is installed), ``mariadb`` or ``sqlite``.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator

import pytest

from tests.airflow3.support.home import AirflowHome, option
from tests.airflow3.support.metadata_db import (
    MariadbMetadataDb,
    MetadataDb,
    PostgresMetadataDb,
    SqliteMetadataDb,
)
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
_HOME = pytest.StashKey[AirflowHome]()
_DATABASE = pytest.StashKey[MetadataDb]()


def pytest_configure(config: pytest.Config) -> None:
    """Point Airflow at its temporary home: it reads its environment on import, and test modules import it."""
    database = _chosen_database(os.environ.get("SCHED_CACHE_AIRFLOW_DB"))
    # Off until a test asks for it: a checkout with metadata beside it brings its entry points along.
    home = AirflowHome(database.url, options={option("sched_cache", "enabled"): "False"})
    home.environment["AIRFLOW__METRICS__TIMER_UNIT_CONSISTENCY"] = "True"  # the other value is deprecated
    # Two of the example DAGs need what an example plugin registers.
    (home.plugins / "examples.py").write_text(_EXAMPLE_PLUGIN)
    if database.name == "sqlite":
        home.environment["AIRFLOW__CORE__EXECUTOR"] = "SequentialExecutor"  # no other is allowed there
    os.environ.update(home.environment)
    config.stash[_HOME] = home
    config.stash[_DATABASE] = database
    config.add_cleanup(home.remove)
    config.add_cleanup(database.stop)


def _chosen_database(name: str | None) -> MetadataDb:
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
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # The host's notes refer to the table of users, which is that of its manager of users.
        import airflow.providers.fab.auth_manager.models  # noqa: F401
    return database


@pytest.fixture
def airflow_db(migrated_db: MetadataDb) -> MetadataDb:
    """An empty metadata database."""
    _empty(migrated_db)
    return migrated_db


@pytest.fixture
def empty_database(migrated_db: MetadataDb) -> Callable[[], None]:
    """Empties the metadata database, for a test that begins anew several times."""
    return lambda: _empty(migrated_db)


def _empty(database: MetadataDb) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the host uses what its libraries deprecate
        from airflow import settings

        settings.engine.dispose()
    database.restore()


@pytest.fixture
def quiet_host() -> Iterator[None]:
    """The host uses what its libraries deprecate: its warnings are no errors here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield

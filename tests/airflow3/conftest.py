"""One Airflow installation per session, one empty metadata database per test.

``SCHED_CACHE_AIRFLOW_DB`` chooses ``postgresql`` (the default where it is installed), ``mariadb`` or ``sqlite``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from tests.airflow3.support.home import AirflowHome
from tests.airflow3.support.metadata_db import (
    MariadbMetadataDb,
    MetadataDb,
    PostgresMetadataDb,
    SqliteMetadataDb,
)
from tests.airflow3.support.subject import OFF, SUBJECTS, Subject
from tests.support.servers import ServerMissingError

if TYPE_CHECKING:
    from tests.airflow3.support.cluster import Cluster
    from tests.airflow3.support.processor import DagProcessor

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
    """Point Airflow at a temporary home: it reads its environment on import, and test modules import it."""
    database = _chosen_database(os.environ.get("SCHED_CACHE_AIRFLOW_DB"))
    # Off until a test asks for it: a checkout with metadata beside it brings its entry points along.
    home = AirflowHome(database.url, options=OFF)
    # Two of the example DAGs need what an example plugin registers.
    (home.plugins / "examples.py").write_text(_EXAMPLE_PLUGIN)
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
    return database


@pytest.fixture(scope="session")
def session_processor(migrated_db: MetadataDb, airflow_home: AirflowHome) -> Iterator[DagProcessor]:
    """The DAG processor of the session's clusters."""
    from tests.airflow3.support.processor import DagProcessor

    processor = DagProcessor(airflow_home.dags, {**os.environ, **airflow_home.environment})
    yield processor
    processor.stop()


@pytest.fixture
def airflow_db(migrated_db: MetadataDb) -> MetadataDb:
    """An empty metadata database with the DAG bundle registered."""
    _empty(migrated_db)
    return migrated_db


@pytest.fixture
def empty_database(migrated_db: MetadataDb) -> Callable[[], None]:
    """Empties the metadata database, for a test that begins anew several times."""
    return lambda: _empty(migrated_db)


def _empty(database: MetadataDb) -> None:
    from airflow import settings
    from airflow.dag_processing.bundles.manager import DagBundlesManager

    assert settings.engine is not None
    settings.engine.dispose()
    database.restore()
    DagBundlesManager().sync_bundles_to_db()


@pytest.fixture(params=SUBJECTS, ids=lambda subject: subject.name)
def subject(request: pytest.FixtureRequest, airflow_db: MetadataDb) -> Iterator[Subject]:
    """Stock Airflow, then Airflow with the plugin in charge of this process, on an empty database."""
    chosen: Subject = request.param
    with chosen.activated():
        yield chosen


@pytest.fixture
def cluster(subject: Subject, airflow_db: MetadataDb, session_processor: DagProcessor) -> Iterator[Cluster]:
    """A cluster whose scheduler and API bag were made with the subject in charge."""
    from airflow.api_fastapi.common.dagbag import create_dag_bag

    from tests.airflow3.support.cluster import Cluster
    from tests.airflow3.support.scheduler import Scheduler

    yield Cluster(session_processor, create_dag_bag(), Scheduler(), airflow_db)
    session_processor.forget_connections()

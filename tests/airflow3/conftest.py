"""The fixtures of `tests.hosts.session` for Airflow 3, and a cluster in this process."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from tests.airflow3.support.activation import activated
from tests.hosts import session
from tests.hosts.home import AirflowHome
from tests.hosts.metadata_db import MetadataDb
from tests.hosts.subject import SUBJECTS, Subject

if TYPE_CHECKING:
    from tests.airflow3.support.cluster import Cluster
    from tests.airflow3.support.processor import DagProcessor

airflow_home, migrated_db, airflow_db = session.airflow_home, session.migrated_db, session.airflow_db


def pytest_configure(config: pytest.Config) -> None:
    """Begins the session."""
    # With 3.1, today's providers and anyio are used by way of names that they or it gave up.
    for message in (r"The `airflow\.operators\.", r"The anyio\.abc\.BlockingPortal alias"):
        config.addinivalue_line("filterwarnings", f"ignore:{message}")
    session.begin(config)


@pytest.fixture
def empty_database(migrated_db: MetadataDb) -> Callable[[], None]:
    """Empties the metadata database, for a test that begins anew several times; the DAG bundle is registered."""

    def empty() -> None:
        from airflow.dag_processing.bundles.manager import DagBundlesManager

        session.empty(migrated_db)
        DagBundlesManager().sync_bundles_to_db()

    return empty


@pytest.fixture(scope="session")
def session_processor(migrated_db: MetadataDb, airflow_home: AirflowHome) -> Iterator[DagProcessor]:
    """The DAG processor of the session's clusters."""
    from tests.airflow3.support.processor import DagProcessor

    processor = DagProcessor(airflow_home.dags, {**os.environ, **airflow_home.environment})
    yield processor
    processor.stop()


@pytest.fixture(params=SUBJECTS, ids=lambda subject: subject.name)
def subject(request: pytest.FixtureRequest, airflow_db: MetadataDb) -> Iterator[Subject]:
    """Stock Airflow, then Airflow with the plugin in charge of this process, on an empty database."""
    chosen: Subject = request.param
    with activated(chosen):
        yield chosen


@pytest.fixture
def cluster(subject: Subject, airflow_db: MetadataDb, session_processor: DagProcessor) -> Iterator[Cluster]:
    """A cluster whose scheduler and API bag were made with the subject in charge."""
    from airflow.api_fastapi.common.dagbag import create_dag_bag

    from tests.airflow3.support.cluster import Cluster
    from tests.airflow3.support.scheduler import Scheduler

    yield Cluster(session_processor, create_dag_bag(), Scheduler(), airflow_db)
    session_processor.forget_connections()

"""The fixtures of `tests.hosts.session` for Airflow 2.11."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator

import pytest

from tests.hosts import session
from tests.hosts.metadata_db import MetadataDb

airflow_home, migrated_db, airflow_db = session.airflow_home, session.migrated_db, session.airflow_db


def pytest_configure(config: pytest.Config) -> None:
    """Begins the session."""
    session.begin(
        config,
        options={"AIRFLOW__METRICS__TIMER_UNIT_CONSISTENCY": "True"},  # the other value is deprecated
        options_on_sqlite={"AIRFLOW__CORE__EXECUTOR": "SequentialExecutor"},  # no other is allowed there
    )


@pytest.fixture(scope="session")
def users() -> None:
    """The host's notes refer to the table of users, which is that of its manager of users."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import airflow.providers.fab.auth_manager.models  # noqa: F401


@pytest.fixture
def empty_database(migrated_db: MetadataDb, users: None) -> Callable[[], None]:
    """Empties the metadata database, for a test that begins anew several times."""
    return lambda: session.empty(migrated_db)


@pytest.fixture
def quiet_host() -> Iterator[None]:
    """The host uses what its libraries deprecate: its warnings are no errors here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield

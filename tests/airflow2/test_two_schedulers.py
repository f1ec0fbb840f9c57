"""Two schedulers on Airflow 2.11, see `contracts/two_schedulers.py`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext

import pytest

from tests.airflow2.support.random_dags import random_dag
from tests.airflow2.support.stored_dags import document_of
from tests.airflow2.support.whole_runs import create_runs, play
from tests.contracts.edited_cluster import NO_THROTTLE, SECONDS
from tests.contracts.two_schedulers import Rivals, TwoSchedulersContract
from tests.edited_cluster.__main__ import violations
from tests.edited_cluster.cluster import play as edited_cluster
from tests.hosts.metadata_db import MetadataDb
from tests.hosts.subject import OFF, ON


@pytest.fixture
def rivals(migrated_db: MetadataDb, empty_database: Callable[[], None], quiet_host: None) -> Rivals:
    if migrated_db.name != "postgresql":
        pytest.skip("SQLite has one writer at a time, and on MariaDB the host locks no rows")
    main = "tests.airflow2.support.scheduler_main"
    return Rivals(empty_database, nullcontext, main, OFF, ON, random_dag, document_of, play, create_runs)


class TestTwoSchedulers(TwoSchedulersContract):
    pass


def test_nothing_is_lost_while_dags_are_edited(
    migrated_db: MetadataDb, empty_database: Callable[[], None]
) -> None:
    """A short share of `make two-schedulers`. Runs that stock's scheduler ends with wrong tasks are stock's affair."""
    if migrated_db.name != "postgresql":
        pytest.skip("one scheduler at a time, or a host that locks no rows")
    empty_database()
    report = edited_cluster(migrated_db.url, NO_THROTTLE, ON, SECONDS)
    assert violations(report) == []
    assert report.n_runs > SECONDS / 4
    assert report.ended["ours"]["decided"]
    assert report.ended["ours"]["unfinished"] == 0

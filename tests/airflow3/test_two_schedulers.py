"""Two schedulers on Airflow 3, see `contracts/two_schedulers.py`; and what one does to the other's DAGs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

pytest.importorskip("airflow.sdk")

from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
from airflow.models import DagModel
from airflow.utils.session import create_session
from sqlalchemy import select, update

from tests.airflow3.support.activation import activated
from tests.airflow3.support.cluster import Cluster
from tests.airflow3.support.interleave import before_call
from tests.airflow3.support.random_dags import random_dag
from tests.airflow3.support.runs import end_tasks, run_state
from tests.airflow3.support.stored_dags import create_run, document_of, make_room, store
from tests.airflow3.support.whole_runs import create_runs, play
from tests.contracts.edited_cluster import NO_THROTTLE, SECONDS
from tests.contracts.two_schedulers import TRAITS, Rivals, TwoSchedulersContract
from tests.edited_cluster.__main__ import violations
from tests.edited_cluster.cluster import play as edited_cluster
from tests.hosts.metadata_db import MetadataDb
from tests.hosts.subject import OFF, ON, STOCK, Subject
from tests.support.scheduling.random_dags import START


@pytest.fixture
def rivals(migrated_db: MetadataDb, empty_database: Callable[[], None]) -> Rivals:
    if migrated_db.name == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    main = "tests.airflow3.support.scheduler_main"
    stock = partial(activated, STOCK)
    return Rivals(empty_database, stock, main, OFF, ON, random_dag, document_of, play, create_runs)


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


def test_a_flag_that_another_scheduler_has_set_meanwhile_is_taken_down(
    cluster: Cluster, subject: Subject
) -> None:
    """A DAG whose flag `exceeds_max_non_backfill` is left up gets no more runs.

    1. A loop begins, and reads the rows of its DAGs; the flag is down.
    2. Another scheduler starts a run, finds that there are too many, and puts the flag up.
    3. The loop decides a run that ends: there is room again.
    """
    if cluster.database.name == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    store([document_of(random_dag(1, 3, TRAITS, "limited", max_active_runs=1))])
    make_room()
    run_id = create_run("limited", START)
    cluster.scheduler.loop()
    end_tasks("limited", run_id, "success")

    def put_up() -> None:
        with create_session(scoped=False) as session:
            session.execute(update(DagModel).values(exceeds_max_non_backfill=True))

    # The plugin has read it by then; the host reads it a moment later.
    with before_call(SchedulerJobRunner, "_schedule_dag_run", put_up):
        cluster.scheduler.loop()

    assert run_state("limited", run_id) == "success"
    with create_session(scoped=False) as session:
        assert session.scalar(select(DagModel.exceeds_max_non_backfill)) is False

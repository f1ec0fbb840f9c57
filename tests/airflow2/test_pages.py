"""A real webserver with some workers: a DAG is edited every second, and its pages are asked for all the time.

``SCHED_CACHE_PAGES_SECONDS`` says for how long (default 6). With it there are four of them, and
the same is done with edits that nobody tells of.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import datetime, timezone
from pathlib import Path

import pytest
from airflow.models.dag import DAG
from airflow.models.serialized_dag import SerializedDagModel
from airflow.operators.empty import EmptyOperator
from airflow.utils.session import create_session

from tests.airflow2.support.subject import plugin
from tests.airflow2.support.webserver import running_webserver
from tests.hosts.home import AirflowHome, option
from tests.hosts.metadata_db import MetadataDb
from tests.support.polled_pages import WORKER_HEADER, Pages
from tests.support.servers import RedisServer

LONG = os.environ.get("SCHED_CACHE_PAGES_SECONDS")
SECONDS = float(LONG or 6)
BOUND_SECONDS = 2.0
N_WORKERS = 4 if LONG else 2
DAG_ID = "edited"
PATHS = (
    f"/object/graph_data?dag_id={DAG_ID}",
    f"/api/v1/dags/{DAG_ID}/tasks",
    f"/dags/{DAG_ID}/grid",
    f"/api/v1/dags/{DAG_ID}/details",
)


@pytest.fixture
def with_header(airflow_home: AirflowHome) -> Iterator[None]:
    copied = Path(shutil.copy(WORKER_HEADER, airflow_home.plugins))
    yield
    copied.unlink()


def edit(edition: int) -> float:
    """As the processor of a file writes its DAG; the clock after the commit."""
    text = f"edition_{edition}"
    start = datetime(2026, 1, 1, tzinfo=timezone.utc)
    with DAG(DAG_ID, start_date=start, schedule=None, doc_md=text) as dag:
        EmptyOperator(task_id=text)
    with create_session() as session:
        dag.sync_to_db(session=session)
        SerializedDagModel.write_dag(dag, session=session)
    return time.monotonic()


@pytest.mark.parametrize(
    "is_told",
    [
        True,
        pytest.param(
            False, marks=pytest.mark.skipif(not LONG, reason="SCHED_CACHE_PAGES_SECONDS is not set")
        ),
    ],
    ids=["told", "untold"],
)
def test_no_page_is_older_than_the_bound_or_than_one_before(
    is_told: bool,
    airflow_db: MetadataDb,
    airflow_home: AirflowHome,
    quiet_host: None,
    own_redis: RedisServer,
    with_header: None,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Whichever worker answers; all of them do."""
    tiers = {"redis_url": own_redis.url, "max_staleness_seconds": str(BOUND_SECONDS)}
    writer = plugin(publish_contents="True", **tiers) if is_told else nullcontext()
    with (
        writer,
        running_webserver(
            airflow_home, N_WORKERS, {option("sched_cache", name): value for name, value in tiers.items()}
        ) as webserver,
    ):
        edit(0)
        pages = Pages(webserver.url, PATHS, {}, webserver.check)
        polled = pages.poll(SECONDS, edit, pages.wait_for_workers(N_WORKERS))
    if LONG:
        with capsys.disabled():
            print(f"\n{polled.described('Airflow 2.11, told' if is_told else 'Airflow 2.11, untold')}")
    assert len(polled.n_by_worker()) == N_WORKERS
    assert not polled.steps_back()
    assert max(polled.ages_when_sent()) <= BOUND_SECONDS

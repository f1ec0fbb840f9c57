"""A real API server with some workers: a DAG is edited every second, and its pages are asked for all the time.

``SCHED_CACHE_PAGES_SECONDS`` says for how long (default 6). With it there are four of them, and
the same is done with edits that nobody tells of.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import pytest
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG

from tests.airflow3.support.activation import activated
from tests.airflow3.support.rest_client import RestClient
from tests.airflow3.support.stored_dags import document_of, store
from tests.hosts.home import AirflowHome, option
from tests.hosts.metadata_db import MetadataDb
from tests.hosts.processes import AirflowProcess
from tests.hosts.subject import PLUGIN, STOCK
from tests.support.polled_pages import WORKER_HEADER, Pages
from tests.support.servers import RedisServer
from tests.support.servers.process import free_port

LONG = os.environ.get("SCHED_CACHE_PAGES_SECONDS")
SECONDS = float(LONG or 6)
BOUND_SECONDS = 2.0
N_WORKERS = 4 if LONG else 2
DAG_ID = "edited"
PATHS = (
    f"/api/v2/dags/{DAG_ID}/tasks",
    f"/api/v2/dags/{DAG_ID}/details",
    f"/ui/structure/structure_data?dag_id={DAG_ID}",
)


@contextmanager
def serving(home: AirflowHome, options: Mapping[str, str]) -> Iterator[Pages]:
    """The pages of an API server with the plugin, installed as an operator does it, that lets everybody in."""
    port = free_port()
    environment = {
        **os.environ,
        **home.environment,
        **PLUGIN.environment(),
        option("core", "simple_auth_manager_all_admins"): "True",
        option("api", "base_url"): f"http://127.0.0.1:{port}",
        **options,
    }
    command = ("api-server", "--host", "127.0.0.1", "--port", str(port), "--workers", str(N_WORKERS))
    process = AirflowProcess("api-server", command, home.path / "api-server.log", environment)
    header = Path(shutil.copy(WORKER_HEADER, home.plugins))
    process.start()
    try:
        yield Pages(f"http://127.0.0.1:{port}", PATHS, _authorized(process, port), lambda: _check(process))
    finally:
        process.kill()  # nobody waits for its last words
        header.unlink()


def _authorized(process: AirflowProcess, port: int) -> dict[str, str]:
    """The headers of somebody who may see everything, once the server answers."""
    end = time.monotonic() + 180
    while True:
        try:
            return RestClient(port).headers
        except OSError:
            _check(process)
            assert time.monotonic() < end, process.log_end()
            time.sleep(0.3)


def _check(process: AirflowProcess) -> None:
    assert process.is_running, process.log_end()


def edit(edition: int) -> float:
    """As the processor of a file writes its DAG; the clock after the commit."""
    text = f"edition_{edition}"
    with DAG(DAG_ID, schedule=None, doc_md=text) as dag:
        EmptyOperator(task_id=text)
    store([document_of(dag)])
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
    own_redis: RedisServer,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Whichever worker answers; all of them do."""
    tiers = {
        option("sched_cache", "redis_url"): own_redis.url,
        option("sched_cache", "max_staleness_seconds"): str(BOUND_SECONDS),
    }
    unthrottled = {option("core", "min_serialized_dag_update_interval"): "0"}
    with (
        mock.patch.dict(os.environ, {**tiers, **unthrottled}),
        activated(PLUGIN if is_told else STOCK),
        serving(airflow_home, tiers) as pages,
    ):
        edit(0)
        polled = pages.poll(SECONDS, edit, pages.wait_for_workers(N_WORKERS))
    if LONG:
        with capsys.disabled():
            print(f"\n{polled.described('Airflow 3.3, told' if is_told else 'Airflow 3.3, untold')}")
    assert len(polled.n_by_worker()) == N_WORKERS
    assert not polled.steps_back()
    assert max(polled.ages_when_sent()) <= BOUND_SECONDS

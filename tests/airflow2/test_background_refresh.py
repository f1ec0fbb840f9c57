"""Workers that serve people: what changed is in memory before it is asked for, and never older than before."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from airflow.models.dag import DAG
from airflow.models.serialized_dag import SerializedDagModel
from airflow.operators.empty import EmptyOperator
from airflow.utils.session import create_session

from sched_cache_airflow.hosts.installed import runtime
from tests.airflow2.support import worker_main
from tests.airflow2.support.subject import plugin
from tests.hosts.home import option
from tests.hosts.metadata_db import MetadataDb
from tests.support.servers import RedisServer

DAY = datetime(2026, 1, 1, tzinfo=timezone.utc)
CHECKOUT = Path(__file__).resolve().parents[2]
N_WORKERS = 4
SECONDS = 8.0
BOUND_SECONDS = 1.0
# What lies between a look at the clock and what it stands for, where four processes share two processors.
SLACK_SECONDS = 0.5


def write(number: int) -> float:
    """Commits the DAG with one task, named by the number; the clock after that."""
    with DAG(worker_main.DAG_ID, start_date=DAY, schedule=None) as dag:
        EmptyOperator(task_id=f"task_{number}")
    with create_session() as session:
        dag.sync_to_db(session=session)
        SerializedDagModel.write_dag(dag, session=session)
    return time.monotonic()


def new_bag() -> Any:
    from airflow.models.dagbag import DagBag

    return DagBag(read_dags_from_db=True, collect_dags=False)


@pytest.fixture
def installed(airflow_db: MetadataDb, quiet_host: None) -> Iterator[None]:
    with plugin(publish_contents="True"):
        yield


def test_a_refresh_loads_what_changed(installed: None) -> None:
    """And nothing else; after that nobody has to ask the database for a while."""
    write(1)
    bag = new_bag()
    first = bag.get_dag(worker_main.DAG_ID)
    assert bag.refresh() == 0
    write(2)
    assert bag.refresh() == 1
    assert bag.refresh() == 0
    resident = bag.dags[worker_main.DAG_ID]
    assert resident.task_ids == ["task_2"]
    assert bag.get_dag(worker_main.DAG_ID) is resident
    assert first.task_ids == ["task_1"]  # whoever has it goes on with what he has


def test_an_older_reading_never_replaces_a_newer(installed: None) -> None:
    """A thread that reads first and is ready last finds that it was overtaken."""
    write(1)
    bag = new_bag()
    bag.get_dag(worker_main.DAG_ID)
    with create_session() as session:
        bag._settled.clear()
        older = bag._current_hash(worker_main.DAG_ID, session)
        write(2)
        assert bag.refresh() == 0  # it has not been settled, so it is nobody's to refresh
        bag._settled[worker_main.DAG_ID] = older._replace(number=0)
        assert bag.refresh() == 1
        assert not bag._settle(worker_main.DAG_ID, older, older.dag_hash, session)
        assert bag.get_dag(worker_main.DAG_ID, session=session).task_ids == ["task_2"]


def test_a_removed_dag_is_noticed(installed: None) -> None:
    """A refresh leaves it to the next who asks."""
    write(1)
    bag = new_bag()
    bag.get_dag(worker_main.DAG_ID)
    SerializedDagModel.remove_dag(worker_main.DAG_ID)
    assert bag.refresh() == 0
    bag._settled.clear()
    assert bag.get_dag(worker_main.DAG_ID) is None


def test_workers_show_what_is_new_and_never_anything_older(installed: None, own_redis: RedisServer) -> None:
    """Four workers, a DAG that is edited every second: within the bound, in order, and without a query of a request."""
    write(0)
    options = {
        option("sched_cache", "enabled"): "True",
        option("sched_cache", "redis_url"): own_redis.url,
        option("sched_cache", "max_staleness_seconds"): str(BOUND_SECONDS),
    }
    # No entry point: the process installs the plugin itself.
    environment = {**os.environ, **options, "PYTHONPATH": f"{CHECKOUT}:{CHECKOUT / 'adapters'}"}
    command = [sys.executable, "-m", worker_main.__name__, str(SECONDS), "0.02", "refresh"]
    workers = [
        subprocess.Popen(command, env=environment, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True)
        for _ in range(N_WORKERS)
    ]
    try:
        for worker in workers:
            assert worker.stdout is not None
            # What the host logs while it loads its own plugins goes to standard output as well.
            assert "ready" in (line.strip() for line in worker.stdout)
        committed = [(0.0, 0)]
        for number in range(1, int(SECONDS)):
            committed.append((write(number), number))
            time.sleep(1)
        found = [json.loads(worker.communicate(timeout=300)[0]) for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    for worker_found in found:
        looks = worker_found["looks"]
        assert len(looks) > 50
        seen = [number for _, number in looks]
        assert seen == sorted(seen)
        assert seen[-1] >= int(SECONDS) - 2
        for begun, number in looks:
            oldest = max(
                version for at, version in committed if at < max(begun - BOUND_SECONDS - SLACK_SECONDS, 0.1)
            )
            assert number >= oldest
        assert not worker_found["fallbacks"]
        assert worker_found["n_statements"] <= 0.02 * len(looks)
    assert not runtime().stats.fallbacks

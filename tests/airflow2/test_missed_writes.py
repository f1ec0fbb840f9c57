"""Airflow 2.11: what a process wrote that died between its commit and the publication is found and published."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from datetime import datetime, timezone
from unittest import mock

import pytest
from airflow import settings
from airflow.models.dag import DAG
from airflow.models.serialized_dag import SerializedDagModel
from airflow.operators.empty import EmptyOperator
from airflow.utils.session import create_session
from sqlalchemy import event, select, text
from sqlalchemy.orm import Session

from sched_cache_airflow.hosts.installed import host_process, runtime
from sched_cache_airflow.settings.settings import Settings
from sched_cache_airflow.sharing.missed_writes import PUBLISHED_PER_SWEEP, MissedWrites
from sched_cache_airflow.sharing.version_publisher import VersionPublisher
from tests.airflow2.support.subject import plugin
from tests.hosts.metadata_db import MetadataDb

DAY = datetime(2026, 1, 1, tzinfo=timezone.utc)


@pytest.fixture(autouse=True)
def host(airflow_db: MetadataDb, quiet_host: None) -> Iterator[None]:
    with plugin(publish_contents="True"), mock.patch.object(runtime().maintenance, "wake"):
        runtime().maintenance.round(is_woken=True)  # its table is made
        yield


def missed() -> MissedWrites:
    state = runtime()
    return MissedWrites(state.contents, state.cache, VersionPublisher(state.cache, state.contents).publish)


def write(dag_id: str, *tasks: str) -> None:
    with DAG(dag_id, schedule=None, start_date=DAY) as dag:
        for task_id in tasks:
            EmptyOperator(task_id=task_id)
    with create_session() as session:
        SerializedDagModel.write_dag(dag, session=session)


def die_with_the_commit(write_number: int) -> None:
    """A child that is killed the moment its transaction is committed, and could leave no row in it."""
    pid = os.fork()
    if pid == 0:
        settings.engine.dispose(close=False)
        # The host's listener comes first, as it does in `Session`: nothing of ours after it runs.
        host_process().write_events._not_before = float("inf")
        event.listen(Session, "after_commit", lambda _: os.kill(os.getpid(), signal.SIGKILL), insert=True)
        write(f"dag_{write_number}", "a", f"task_{write_number}")
        os._exit(1)
    assert os.WTERMSIG(os.waitpid(pid, 0)[1]) == signal.SIGKILL


def published() -> dict[str, object]:
    """DAG to the hash of the host that our content was made of."""
    cache = runtime().cache
    cache.certify()
    found = {key.removeprefix("dag:"): cache.get(key) for key in list(cache.keys())}
    return {dag_id: dag.label("dag_hash") for dag_id, dag in found.items() if dag is not None}


def of_host() -> dict[str, str]:
    with create_session() as session:
        return dict(session.execute(select(SerializedDagModel.dag_id, SerializedDagModel.dag_hash)).all())


def test_no_publication_is_lost_where_writers_are_killed() -> None:
    """Every second one is killed at its commit, without a row, as always on SQLite and MariaDB."""
    runtime().maintenance.round(is_woken=True)
    for number in range(6):
        if number % 2:
            die_with_the_commit(number)
        else:
            write(f"dag_{number}", "a")
    runtime().maintenance.round(is_woken=True)
    assert published() != of_host()
    sweeps = missed()
    assert sweeps.sweep() >= 3
    assert len(of_host()) == 6
    assert published() == of_host()
    assert sweeps.sweep() == 0  # the end of the round
    assert sweeps.sweep() == 0


def test_a_content_that_was_rewritten_is_compared_by_its_hash() -> None:
    """The key is there; what it names is not what the host has."""
    write("dag_1", "a")
    runtime().maintenance.round(is_woken=True)
    sweeps = missed()
    assert sweeps.sweep() == 0
    sweeps.sweep()
    with create_session() as session:
        session.execute(text("UPDATE serialized_dag SET dag_hash = 'other'"))
    assert sweeps.sweep() == 1
    assert published() == {"dag_1": "other"}


def test_a_sweep_is_bounded_and_goes_on_where_it_stopped() -> None:
    """A first start on a cluster with many DAGs does not keep the process busy."""
    n_dags = PUBLISHED_PER_SWEEP + 3
    with create_session() as session:
        write("dag", "a")
        for number in range(n_dags):
            others = "fileloc, fileloc_hash, data, data_compressed, last_updated, dag_hash, processor_subdir"
            copied = text(
                f"INSERT INTO serialized_dag (dag_id, {others})"
                f" SELECT :dag_id, {others} FROM serialized_dag WHERE dag_id = 'dag'"
            )
            session.execute(copied, {"dag_id": f"copy_{number}"})
    sweeps = missed()
    assert [sweeps.sweep(), sweeps.sweep()] == [PUBLISHED_PER_SWEEP, 4]


def test_an_excluded_dag_is_left_alone() -> None:
    """It stays on the host's own path."""
    write("dag_1", "a")
    with mock.patch.object(Settings, "excludes", lambda settings, dag_id: dag_id == "dag_1"):
        assert missed().sweep() == 0

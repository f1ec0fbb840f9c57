"""Children of a scheduler of Airflow 2.11 whose threads are busy: none hangs, and each begins anew.

The host forks one for each file it parses and for each task of a local executor.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from airflow import settings
from airflow.models.dag import DAG
from airflow.models.serialized_dag import SerializedDagModel
from airflow.operators.empty import EmptyOperator
from airflow.operators.python import PythonOperator
from airflow.utils.session import create_session

from sched_cache_airflow.hosts.installed import discard_runtime, runtime
from tests.airflow2.support.subject import plugin
from tests.hosts.metadata_db import MetadataDb
from tests.support.forks import N_FORKS, assert_no_child_hangs

DAY = datetime(2026, 1, 1, tzinfo=timezone.utc)


@pytest.fixture(autouse=True)
def scheduler(airflow_db: MetadataDb, quiet_host: None) -> Iterator[None]:
    """This process in the role of a scheduler with two DAGs, its maintenance and reports begun."""
    with plugin(publish_contents="True", process_report_seconds="0.01", max_staleness_seconds="0.05"):
        for dag_id in ("first", "second"):
            with DAG(dag_id, schedule=None, start_date=DAY) as dag:
                PythonOperator.partial(task_id="mapped", python_callable=print).expand(op_args=[["a"]])
                EmptyOperator(task_id="a") >> EmptyOperator(task_id="b")
            with create_session() as session:
                dag.sync_to_db(session=session)
                SerializedDagModel.write_dag(dag, session=session)
        runtime().begin_reports("scheduler")
        yield


def use(bag: Any, dag_id: str = "first") -> None:
    with create_session() as session:
        dag = bag.get_dag(dag_id, session=session)
    assert dag.timetable is not None
    assert set(dag.task_dict) == {"a", "b", "mapped"}
    assert set(dag.task_group.children) == {"a", "b", "mapped"}


def stored_dags() -> Any:
    """A bag of the plugin's, which stands under the host's name by now."""
    from airflow.models.dagbag import DagBag

    return DagBag(read_dags_from_db=True, collect_dags=False)


def begin_anew() -> None:
    """The first steps of the host in a child."""
    settings.engine.dispose(close=False)


def test_children_of_a_scheduler(tmp_path: Path) -> None:
    """Each uses the bag, the plugin's tables and its threads; its counters and its threads are its own."""
    shared = stored_dags()
    own = sqlite3.connect(f"{tmp_path}/other.db")
    own.execute("CREATE TABLE t (c)")
    own.close()

    def change_everything() -> None:
        for dag_id in ("first", "second"):
            runtime().contents.l1.clear()
            use(shared, dag_id)
            runtime().cache.certify()

    def child() -> None:
        state = runtime()
        assert not sum(state.snapshot()["plugin"].values()), state.snapshot()["plugin"]
        assert state.heartbeat is None and state.maintenance._thread is None
        other = sqlite3.connect(f"{tmp_path}/other.db")
        assert other.execute("SELECT count(*) FROM t").fetchall() == [(0,)]
        other.close()
        begin_anew()
        use(shared)
        state.cache.certify()
        state.maintenance.wake()
        state.begin_reports("scheduler")
        assert state.maintenance._thread.is_alive() and state.heartbeat._thread.is_alive()

    assert_no_child_hangs(
        [change_everything, change_everything, runtime().maintenance.wake, shared.refresh], child
    )
    use(shared)
    assert not runtime().stats.fallbacks


def test_a_runtime_that_another_thread_was_making() -> None:
    """The child makes its own."""

    def make_again() -> None:
        discard_runtime()
        runtime()

    assert_no_child_hangs([make_again], lambda: runtime().settings, n_forks=20)


def test_a_dag_object_that_another_thread_was_completing() -> None:
    """Not one of its parts is half done in the child."""
    shared = stored_dags()

    def complete() -> None:
        runtime().contents.l1.clear()
        use(shared)

    def child() -> None:
        begin_anew()
        for dag in [entry.dag for entry in runtime().contents.l1.entries.values()]:
            assert dag.timetable is not None
            assert dag.owner is not None
            assert set(dag.task_dict) == {"a", "b", "mapped"}
            assert dag.task_dict["mapped"].task_group is not None

    assert_no_child_hangs([complete, complete, complete], child, n_forks=N_FORKS // 3)

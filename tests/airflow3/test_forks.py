"""Children of a scheduler of Airflow 3 whose threads are busy: none hangs, and each begins anew.

The host forks one for each file it parses, and the workers of a local executor.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from airflow import settings
from airflow.utils.session import create_session

from tests.airflow3.support.cluster import Cluster
from tests.airflow3.support.content import DagContent
from tests.hosts.home import option
from tests.hosts.subject import PLUGIN, Subject
from tests.support.forks import N_FORKS, assert_no_child_hangs

pytestmark = pytest.mark.parametrize("subject", [PLUGIN], ids=["plugin"], indirect=True)
DAG_IDS = ("first", "second")


@pytest.fixture
def bag(subject: Subject, cluster: Cluster) -> Iterator[Any]:
    """That of an API server in this process, whose maintenance and reports have begun."""
    from sched_cache_airflow.hosts.installed import discard_runtime, runtime

    for dag_id in DAG_IDS:
        cluster.processor.publish(DagContent(dag_id, ("a", "b")))
    hasty = {"process_report_seconds": "0.01", "max_staleness_seconds": "0.05"}
    with mock.patch.dict("os.environ", {option("sched_cache", name): value for name, value in hasty.items()}):
        from airflow.api_fastapi.common.dagbag import create_dag_bag

        runtime().begin_reports("scheduler")
        yield create_dag_bag()
        discard_runtime()


def use(bag: Any, dag_id: str) -> None:
    with create_session(scoped=False) as session:
        dag = bag.get_latest_version_of_dag(dag_id, session=session)
    assert dag.timetable is not None
    assert set(dag.task_dict) == {"a", "b"}
    assert set(dag.task_group.children) == {"a", "b"}


def begin_anew() -> None:
    """The first steps of the host in a child."""
    assert settings.engine is not None
    settings.engine.dispose(close=False)


def test_children_of_a_scheduler(bag: Any, tmp_path: Path) -> None:
    """Each uses the bag, the plugin's tables and its threads; its counters and its threads are its own."""
    from sched_cache_airflow.hosts.airflow3.dags.dag_bag import refresh_bags
    from sched_cache_airflow.hosts.installed import runtime

    other = sqlite3.connect(f"{tmp_path}/other.db")
    other.execute("CREATE TABLE t (c)")
    other.close()

    def change_everything() -> None:
        for dag_id in DAG_IDS:
            runtime().contents.l1.clear()
            use(bag, dag_id)
            runtime().cache.certify()

    def child() -> None:
        state = runtime()
        assert not sum(state.snapshot()["plugin"].values()), state.snapshot()["plugin"]
        assert state.heartbeat is None and state.maintenance._thread is None
        connection = sqlite3.connect(f"{tmp_path}/other.db")
        assert connection.execute("SELECT count(*) FROM t").fetchall() == [(0,)]
        connection.close()
        begin_anew()
        use(bag, "first")
        state.cache.certify()
        state.maintenance.wake()
        state.begin_reports("scheduler")
        assert state.maintenance._thread is not None and state.maintenance._thread.is_alive()

    assert_no_child_hangs(
        [change_everything, change_everything, runtime().maintenance.wake, refresh_bags], child
    )
    use(bag, "first")
    assert not runtime().stats.fallbacks


def test_a_dag_object_that_another_thread_was_completing(bag: Any) -> None:
    """Not one of its parts is half done in the child."""
    from sched_cache_airflow.hosts.installed import runtime

    def complete() -> None:
        runtime().contents.l1.clear()
        use(bag, "first")

    def child() -> None:
        begin_anew()
        for dag in [entry.dag for entry in runtime().contents.l1.entries.values()]:
            assert dag.timetable is not None
            assert dag.owner is not None
            assert set(dag.task_dict) == {"a", "b"}
            assert set(dag.task_group.children) == {"a", "b"}

    assert_no_child_hangs([complete, complete, complete], child, n_forks=N_FORKS // 3)

"""Workers of the API server: what changed is in memory before it is asked for, and never older than before."""

from __future__ import annotations

import time

import pytest
from airflow.models.dag_version import DagVersion
from airflow.utils.session import create_session
from sqlalchemy import select

from tests.airflow3.support import runs
from tests.airflow3.support.bags import dag_of_version
from tests.airflow3.support.cluster import Cluster
from tests.airflow3.support.content import DagContent
from tests.hosts.subject import PLUGIN, Subject

CONTENT = DagContent("edited", ("a",))

pytestmark = pytest.mark.parametrize("subject", [PLUGIN], ids=["plugin"], indirect=True)


def latest_tasks(cluster: Cluster) -> set[str]:
    """The tasks in a response for the latest version."""
    with create_session(scoped=False) as session:
        dag = cluster.api_dag_bag.get_latest_version_of_dag(CONTENT.dag_id, session=session)
        return set(dag.task_ids)


def n_misses() -> int:
    """How many look-ups have not found their content in memory so far, whoever made them."""
    from sched_cache_airflow.hosts.installed import runtime

    misses: int = runtime().stats.l1.misses
    return misses


def test_a_version_that_is_rewritten_in_place_is_loaded(subject: Subject, cluster: Cluster) -> None:
    """Once; after that a request finds it in memory, by the version and by the DAG."""
    from sched_cache_airflow.hosts.airflow3.dags.dag_bag import refresh_bags

    cluster.processor.publish(CONTENT)
    assert latest_tasks(cluster) == {"a"}
    with create_session(scoped=False) as session:
        version_id = session.scalar(select(DagVersion.id))
        assert set(dag_of_version(cluster.api_dag_bag, version_id, session).task_ids) == {"a"}
    assert refresh_bags() == 0
    cluster.processor.publish(CONTENT.edited(tasks=("a", "b")))
    assert refresh_bags() == 1
    assert refresh_bags() == 0
    before = n_misses()
    assert latest_tasks(cluster) == {"a", "b"}
    with create_session(scoped=False) as session:
        assert set(dag_of_version(cluster.api_dag_bag, version_id, session).task_ids) == {"a", "b"}
    assert n_misses() == before


def test_a_new_version_of_a_dag_in_memory_is_loaded(subject: Subject, cluster: Cluster) -> None:
    """Although nobody has asked for it, or could."""
    from sched_cache_airflow.hosts.airflow3.dags.dag_bag import refresh_bags

    cluster.processor.publish(CONTENT)
    assert latest_tasks(cluster) == {"a"}
    runs.trigger(CONTENT.dag_id, cluster.api_dag_bag)  # so that an edit makes a version
    cluster.processor.publish(CONTENT.edited(tasks=("a", "b")))
    assert refresh_bags() == 1
    before = n_misses()
    assert latest_tasks(cluster) == {"a", "b"}
    assert n_misses() == before


def test_a_version_that_is_not_the_latest_is_confirmed_too(subject: Subject, cluster: Cluster) -> None:
    """A run of today may be shown by the version of yesterday."""
    from sched_cache_airflow.hosts.airflow3.dags.dag_bag import refresh_bags

    cluster.processor.publish(CONTENT)
    runs.trigger(CONTENT.dag_id, cluster.api_dag_bag)
    with create_session(scoped=False) as session:
        version_id = session.scalar(select(DagVersion.id))
        dag_of_version(cluster.api_dag_bag, version_id, session)
    cluster.processor.publish(CONTENT.edited(tasks=("a", "b")))
    assert latest_tasks(cluster) == {"a", "b"}
    refresh_bags()
    first, latest = cluster.api_dag_bag._dags[version_id], latest_version_id()
    with create_session(scoped=False) as session:
        dag_of_version(cluster.api_dag_bag, latest, session)
    assert latest != version_id
    refresh_bags()
    for confirmed in (version_id, latest):
        assert cluster.api_dag_bag._dags[confirmed].last_validated > first.last_validated


def latest_version_id() -> object:
    with create_session(scoped=False) as session:
        return session.scalar(select(DagVersion.id).order_by(DagVersion.version_number.desc()).limit(1))


def test_the_thread_of_a_worker_does_it(subject: Subject, cluster: Cluster) -> None:
    """Within the bound, and without anybody telling it."""
    from sched_cache_airflow.hosts.airflow3.dags.dag_bag import refresh_bags
    from sched_cache_airflow.hosts.installed import host_process, runtime
    from sched_cache_airflow.hosts.shared.jobs import begin_refresh

    cluster.processor.publish(CONTENT)
    assert latest_tasks(cluster) == {"a"}
    begin_refresh(host_process(), refresh_bags)
    state = runtime()
    assert state.is_refreshing
    assert state.refresh is not None
    cluster.processor.publish(CONTENT.edited(tasks=("a", "b")))
    end = time.monotonic() + 10
    while not state.refresh.n_loaded:
        assert time.monotonic() < end
        time.sleep(0.05)
    assert latest_tasks(cluster) == {"a", "b"}
    assert state.refresh.n_failed == 0

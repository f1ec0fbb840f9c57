"""Rows of ours go when the host's version is gone, even if nobody noticed the deletion."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from airflow.models.dag_version import DagVersion
from airflow.utils.session import create_session
from sqlalchemy import select, text

from tests.airflow3.support.bags import dag_of_version
from tests.airflow3.support.cluster import Cluster
from tests.airflow3.support.content import DagContent
from tests.hosts.subject import PLUGIN, Subject

if TYPE_CHECKING:
    from sched_cache_airflow.hosts.shared.runtime import Runtime

pytestmark = pytest.mark.parametrize("subject", [PLUGIN], ids=["plugin"], indirect=True)
N_DAGS = 5


@pytest.fixture
def state(subject: Subject, cluster: Cluster) -> Runtime:
    """The state of this process, after it has read and published some DAGs."""
    from sched_cache_airflow.hosts.installed import runtime

    state = runtime()
    state.maintenance.close()  # each round is the test's
    for number in range(N_DAGS):
        cluster.processor.publish(DagContent(f"dag_{number}", ("a",)))
    with create_session(scoped=False) as session:
        for version_id in session.scalars(select(DagVersion.id)):
            assert dag_of_version(cluster.scheduler.dag_bag, version_id, session) is not None
    assert state.contents.publisher.drain(20)
    state.cache.certify()
    assert len(list(state.cache.keys())) == N_DAGS
    return state


def delete_unnoticed(dag_ids: str) -> None:
    with create_session(scoped=False) as session:
        session.execute(text("DELETE FROM dag WHERE dag_id LIKE :dag_ids"), {"dag_ids": dag_ids})


def test_a_sweep_publishes_the_removal(state: Runtime) -> None:
    """Of what is gone, and of nothing else."""
    from sched_cache_airflow.sharing.removed_versions import RemovedVersions

    delete_unnoticed("dag_1")
    assert RemovedVersions(state.contents.host, state.cache).sweep() == 1
    assert len(list(state.cache.keys())) == N_DAGS - 1


def test_what_others_keep_in_the_tables_stays(state: Runtime) -> None:
    """A key that is no version belongs to somebody else."""
    from sched_cache_airflow.sharing.removed_versions import RemovedVersions

    (key, *_) = state.cache.keys()
    dag = state.cache.get(key)
    assert dag is not None
    state.cache.publish("by hand", dag.to_serialized())
    RemovedVersions(state.contents.host, state.cache).sweep()
    assert state.cache.get("by hand") is not None


def test_what_airflow_2_has_left_goes(state: Runtime) -> None:
    """After an upgrade of the metadata database, no process reads or acknowledges these contents any more."""
    from sched_cache_airflow.sharing.removed_versions import RemovedVersions

    (key, *_) = state.cache.keys()
    dag = state.cache.get(key)
    assert dag is not None
    state.cache.publish("dag:dag_1", dag.to_serialized())
    assert RemovedVersions(state.contents.host, state.cache).sweep() == 1
    assert len(list(state.cache.keys())) == N_DAGS
    assert state.cache.get("dag:dag_1") is None


def test_a_sweep_is_bounded_and_the_next_goes_on(state: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some keys at a time; after the last comes the first again."""
    from sched_cache_airflow.sharing import removed_versions

    monkeypatch.setattr(removed_versions, "KEYS_PER_SWEEP", 2)
    sweeper = removed_versions.RemovedVersions(state.contents.host, state.cache)
    delete_unnoticed("dag_%")
    assert [sweeper.sweep() for _ in range(4)] == [2, 2, 1, 0]


def test_in_the_end_no_row_is_left(state: Runtime) -> None:
    """A removal that was acknowledged goes with the round after the one that saw it."""
    from sched_cache_airflow.sharing.acknowledgement import acknowledge_in_use
    from sched_cache_airflow.sharing.removed_versions import RemovedVersions

    keys = list(state.cache.keys())
    sweeper = RemovedVersions(state.contents.host, state.cache)
    delete_unnoticed("dag_%")
    assert sweeper.sweep() == N_DAGS
    assert acknowledge_in_use(state.cache, lambda key: False) == N_DAGS
    sweeper.sweep()
    assert len(state.cache.store.read_pointers(keys)) == N_DAGS
    sweeper.sweep()
    assert state.cache.store.read_pointers(keys) == {}


def test_fresh_is_what_no_scheduler_has(state: Runtime) -> None:
    """A publication stays fresh until it is resident somewhere that schedules."""
    from sched_cache_airflow.sharing.acknowledgement import acknowledge_in_use

    store = state.cache.store
    assert len(store.fresh(0, 100).pointers) == N_DAGS
    assert acknowledge_in_use(state.cache, lambda key: False) == 0
    assert acknowledge_in_use(state.cache, state.contents.is_resident) == N_DAGS
    assert store.fresh(0, 100).pointers == ()

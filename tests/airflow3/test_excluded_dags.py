"""DAGs that `exclude_dags` names stay on the host's own path, the others do not."""

from __future__ import annotations

import pytest
from airflow.models.dag_version import DagVersion
from airflow.utils.session import create_session
from sqlalchemy import select

from sched_cache_airflow.hosts.airflow3.dags.serialization import SerializedDAG
from tests.airflow3.support import runs
from tests.airflow3.support.bags import dag_of_version
from tests.airflow3.support.cluster import Cluster
from tests.airflow3.support.content import DagContent
from tests.hosts.home import option
from tests.hosts.subject import PLUGIN, Subject


@pytest.fixture
def excluding(monkeypatch: pytest.MonkeyPatch) -> None:
    """The plugin reads its options when it is activated."""
    monkeypatch.setenv(option("sched_cache", "exclude_dags"), "left_alone_*, other")


@pytest.mark.parametrize("subject", [PLUGIN], ids=["plugin"], indirect=True)
def test_an_excluded_dag_is_the_hosts_own(excluding: None, subject: Subject, cluster: Cluster) -> None:
    """In the scheduler's bag, in the API's, and as the latest version; nothing of it reaches our tables."""
    from sched_cache_airflow.hosts.airflow3.dags.dag import CompactSerializedDAG
    from sched_cache_airflow.hosts.installed import runtime

    kinds = {"left_alone_1": SerializedDAG, "taken": CompactSerializedDAG}
    for dag_id, kind in kinds.items():
        cluster.processor.publish(DagContent(dag_id, ("a", "b"), schedule="@daily"))
        run_id = runs.trigger(dag_id, cluster.api_dag_bag)
        cluster.scheduler.loops(2)
        assert runs.task_states(dag_id, run_id) == {"a": "queued", "b": "queued"}
        with create_session(scoped=False) as session:
            version_id = session.scalar(select(DagVersion.id).where(DagVersion.dag_id == dag_id))
            for bag in (cluster.scheduler.dag_bag, cluster.api_dag_bag):
                assert type(dag_of_version(bag, version_id, session)) is kind
                assert type(bag.get_latest_version_of_dag(dag_id, session=session)) is kind
    assert runtime().contents.publisher.drain(20)
    runtime().cache.certify()
    (key,) = runtime().cache.keys()
    published = runtime().cache.get(key)
    assert published is not None
    assert published.dag_id == "taken"

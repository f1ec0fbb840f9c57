"""A scheduler that has just started loads the DAGs of a loop together."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from unittest import mock

import pytest

from tests.airflow3.support import runs
from tests.airflow3.support.cluster import Cluster
from tests.airflow3.support.content import DagContent
from tests.hosts.subject import PLUGIN, Subject

DAG_IDS = ("first", "second", "third")


@pytest.mark.parametrize("subject", [PLUGIN], ids=["plugin"], indirect=True)
def test_the_dags_of_a_loop_come_in_one_round_trip(subject: Subject, cluster: Cluster) -> None:
    """This holds for any number of running runs, and each run is scheduled by its own DAG."""
    from sched_cache_airflow.hosts.installed import runtime

    for dag_id in DAG_IDS:
        cluster.processor.publish(DagContent(dag_id, (f"only_{dag_id}",)))
    run_ids = {dag_id: runs.trigger(dag_id, cluster.api_dag_bag) for dag_id in DAG_IDS}
    cluster.scheduler.loop()
    state = runtime()
    assert state.contents.publisher.drain(20)
    state.contents.l1.clear()
    for dag_id, run_id in run_ids.items():
        runs.end_tasks(dag_id, run_id, "success")

    asked: list[Collection[str]] = []
    get_many = state.cache.get_many

    def counted(keys: Collection[str], min_version: int = 0) -> dict[str, Any]:
        asked.append(list(keys))
        return get_many(keys, min_version)

    with mock.patch.object(state.cache, "get_many", counted):
        cluster.scheduler.loop()
    assert not state.stats.fallbacks
    assert [len(keys) for keys in asked] == [3]
    for dag_id, run_id in run_ids.items():
        assert runs.run_state(dag_id, run_id) == "success"


@pytest.mark.parametrize("subject", [PLUGIN], ids=["plugin"], indirect=True)
def test_a_loop_notices_that_dags_have_grown(subject: Subject, cluster: Cluster) -> None:
    """Also if it loads none: the bound is about what is in memory, not about what was loaded."""
    from sched_cache_airflow.hosts.installed import runtime

    cluster.processor.publish(DagContent("growing", tuple(f"task_{number}" for number in range(300))))
    runs.trigger("growing", cluster.api_dag_bag)
    cluster.scheduler.loops(2)
    l1 = runtime().contents.l1
    l1.clear()  # creating the run has used every task
    cluster.scheduler.loop()
    entry = next(iter(l1.entries.values()))
    before = l1.nbytes
    assert len(entry.dag.task_dict) == 300
    cluster.scheduler.loop()
    assert l1.nbytes > before

"""Where releases of Airflow 3 differ, the plugin behaves like the installed one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import pytest
from airflow.models import DagRun
from airflow.models.dag_version import DagVersion
from airflow.utils.session import create_session
from sqlalchemy import select

from sched_cache_airflow.hosts.airflow3.compat import STATS
from tests.airflow3.support import runs
from tests.airflow3.support.bags import cache_options, dag_of_version
from tests.airflow3.support.cluster import Cluster
from tests.airflow3.support.content import DagContent
from tests.hosts.subject import PLUGIN

with_plugin = pytest.mark.parametrize("subject", [PLUGIN], ids=["plugin"], indirect=True)
CONTENT = DagContent("d", ("a", "b"))


@contextmanager
def counted() -> Iterator[list[tuple[Any, ...]]]:
    """The host's metrics that are sent in the block."""
    calls: list[tuple[Any, ...]] = []

    def record(kind: str) -> Callable[..., None]:
        return lambda name, *values, **options: calls.append((kind, name, *values, options))

    with mock.patch.object(STATS, "incr", record("incr")), mock.patch.object(STATS, "gauge", record("gauge")):
        yield calls


@with_plugin
@pytest.mark.parametrize("has_cache", [True, False])
def test_a_bag_counts_what_the_hosts_bag_counts(cluster: Cluster, has_cache: bool) -> None:
    """A miss with the size that it leaves, then a hit, by the names of the installed release."""
    from sched_cache_airflow.hosts.airflow3.dags.dag_bag import CompactDagBag, StockDagBag
    from sched_cache_airflow.hosts.installed import runtime

    cluster.processor.publish(CONTENT)
    options = cache_options(StockDagBag)
    if options and not has_cache:
        options = {**options, "cache_size": 0, "cache_ttl": 0}
    found = []
    for bag_class in (StockDagBag, CompactDagBag):
        runtime().contents.l1.clear()
        bag = bag_class(load_op_links=False, **options)
        with create_session(scoped=False) as session, counted() as calls:
            version_id = session.scalar(select(DagVersion.id))
            assert dag_of_version(bag, version_id, session) is not None
            assert dag_of_version(bag, version_id, session) is not None
        found.append([call for call in calls if "dag_bag" in call[1] or call[1].startswith("test.")])
    assert found[0] == found[1]


@with_plugin
@pytest.mark.parametrize("in_a_loop", [True, False])
@pytest.mark.parametrize("bundle_version", ["1", None])
@pytest.mark.parametrize("has_lost_its_version", [True, False])
def test_a_run_resolves_to_the_version_that_the_host_finds(
    cluster: Cluster, in_a_loop: bool, bundle_version: str | None, has_lost_its_version: bool
) -> None:
    """`airflow db clean` deletes versions that runs still name; releases differ in what they make of that."""
    from sched_cache_airflow.hosts.airflow3.dags.current_versions import begin_loop, end_loop
    from sched_cache_airflow.hosts.airflow3.dags.dag_bag import StockDagBag

    cluster.processor.publish(CONTENT)
    run_id = runs.trigger(CONTENT.dag_id, cluster.api_dag_bag)
    with create_session(scoped=False) as session:
        run = session.scalars(select(DagRun).where(DagRun.run_id == run_id)).one()
        run.bundle_version = bundle_version
        if has_lost_its_version:
            run.created_dag_version_id = None
        expected = StockDagBag._version_from_dag_run(run, session=session)
        if in_a_loop:
            begin_loop(session)
        try:
            assert type(cluster.scheduler.dag_bag)._version_from_dag_run(run, session=session) == expected
            dag = cluster.scheduler.dag_bag.get_dag_for_run(run, session)
        finally:
            end_loop(session)
        assert (dag is None) == (expected is None)
        session.rollback()


@with_plugin
def test_a_dag_that_only_the_host_reads_is_kept_while_it_is_current(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its hash, which bags before 3.3 do not keep; a copy of ours from before counts no more."""
    from sched_cache_airflow.hosts.airflow3.dags.current_versions import begin_loop, end_loop
    from sched_cache_airflow.hosts.installed import runtime

    bag = cluster.api_dag_bag
    cluster.processor.publish(CONTENT)
    with create_session(scoped=False) as session:
        version_id = session.scalar(select(DagVersion.id))
        assert set(dag_of_version(bag, version_id, session).task_dict) == {"a", "b"}
    monkeypatch.setattr(type(runtime().contents), "get", lambda *_, **__: None)
    for tasks in (("a", "b", "c"), ("a", "d")):
        cluster.processor.publish(CONTENT.edited(tasks=tasks))
        with create_session(scoped=False) as session:
            begin_loop(session)
            try:
                dag = dag_of_version(bag, version_id, session)
                assert set(dag.task_dict) == {*tasks}
                assert dag_of_version(bag, version_id, session) is dag
            finally:
                end_loop(session)

"""Where releases of Airflow 3 differ, the plugin behaves like the installed one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import Any
from unittest import mock
from uuid import uuid4

import pytest
from airflow import settings
from airflow.models import DagModel, DagRun, TaskInstance
from airflow.models.dag_version import DagVersion
from airflow.models.taskreschedule import TaskReschedule
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG
from airflow.utils.session import create_session
from sqlalchemy import insert, inspect, select, update
from sqlalchemy.orm import object_session

from sched_cache_airflow.hosts.airflow3.compat import (
    HAS_FLAG_OF_LIMIT,
    RESCHEDULE_REACHES_OTHERS,
    STATS,
    id_of_version,
)
from sched_cache_airflow.hosts.installed import host_process
from tests.airflow3.support import runs
from tests.airflow3.support.activation import activated
from tests.airflow3.support.bags import cache_options, dag_of_version
from tests.airflow3.support.cluster import Cluster
from tests.airflow3.support.content import DagContent
from tests.airflow3.support.in_one_order import in_one_order
from tests.airflow3.support.scheduler import Scheduler
from tests.airflow3.support.stored_dags import create_run, document_of, store
from tests.hosts.metadata_db import MetadataDb
from tests.hosts.statements import statements
from tests.hosts.subject import PLUGIN, SUBJECTS
from tests.support.scheduling.random_dags import START

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
    if not has_cache:
        options |= {name: 0 for name in options if name in ("cache_size", "cache_ttl")}
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
@pytest.mark.filterwarnings("ignore:fully NULL primary key identity")  # of stock, before 3.2
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
        expected = id_of_version(StockDagBag._version_from_dag_run(run, session=session))
        if in_a_loop:
            begin_loop(session)
        try:
            found = type(cluster.scheduler.dag_bag)._version_from_dag_run(run, session=session)
            assert id_of_version(found) == expected
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


@with_plugin
def test_the_runs_of_a_loop_are_read_without_their_task_instances(cluster: Cluster) -> None:
    """Before 3.2, the host loads them with the runs, and again for each decision."""
    cluster.processor.publish(CONTENT)
    runs.trigger(CONTENT.dag_id, cluster.api_dag_bag)
    cluster.scheduler.loops(2)
    with statements() as sent:
        cluster.scheduler.loop()
    of_runs = [statement for statement in sent if "backfill_dag_run" in statement]
    assert of_runs
    assert not [statement for statement in of_runs if "task_instance" in statement]


@with_plugin
def test_ready_task_instances_of_all_runs_are_written_in_one_statement(cluster: Cluster) -> None:
    """Without a fallback, whatever task instances have in this release."""
    from sched_cache_airflow.hosts.installed import runtime

    cluster.scheduler.executor.parallelism = 0
    for dag_id in ("d", "e"):
        cluster.processor.publish(DagContent(dag_id, ("a", "b")))
        runs.trigger(dag_id, cluster.api_dag_bag)
    with statements() as sent:
        cluster.scheduler.loops(2)
    assert len([statement for statement in sent if "scheduled_dttm=" in statement]) == 1
    with create_session(scoped=False) as session:
        assert session.scalars(select(TaskInstance.state)).all() == ["scheduled"] * 4
    assert not runtime().stats.fallbacks


@with_plugin
@pytest.mark.skipif(HAS_FLAG_OF_LIMIT, reason="since 3.2 it is a flag, which test_two_schedulers.py covers")
def test_what_another_scheduler_wrote_about_the_next_run_is_read_again(cluster: Cluster) -> None:
    """The rows of the DAGs are read once a loop; a run that ends writes dates only where they differ from its row.

    1. The loop has read the row.
    2. Another scheduler takes the date away.
    3. The run ends: the host sets the date that it had read, which would be no change.
    """
    if cluster.database.name == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    cluster.processor.publish(DagContent("d", ("a",), schedule="@daily"))
    cluster.scheduler.loops(2)
    with create_session(scoped=False) as session:
        session.execute(update(TaskInstance).values(state="success"))
        expected = session.scalar(select(DagModel.next_dagrun))
        assert session.scalar(select(DagRun.run_type)) == "scheduled"
        assert expected is not None
    verify = cluster.scheduler.runner._verify_integrity_if_dag_changed

    def take_away_and_verify(**options: Any) -> Any:
        with settings.engine.begin() as connection:
            connection.execute(update(DagModel.__table__).values(next_dagrun=None))
        return verify(**options)

    with mock.patch.object(
        cluster.scheduler.runner, "_verify_integrity_if_dag_changed", take_away_and_verify
    ):
        cluster.scheduler.loop()
    with create_session(scoped=False) as session:
        assert session.scalar(select(DagRun.state)) == "success"
        assert session.scalar(select(DagModel.next_dagrun)) == expected


def _after_a_loop(
    empty_database: Callable[[], None], dag: Any, change: Callable[[Mapping[str, list[Any]]], None]
) -> list[list[tuple[Any, ...]]]:
    """The task instances of a run of `dag`, one loop after `change`: with stock, then with the plugin.

    change: gets the host's objects of each task.
    """
    found = []
    for subject in SUBJECTS:
        empty_database()
        store([document_of(dag)])
        create_run(dag.dag_id, START)
        with activated(subject), in_one_order():
            scheduler = Scheduler()
            scheduler.executor.parallelism = 0
            scheduler.loops(2)
            with create_session(scoped=False) as session:
                of_task: dict[str, list[Any]] = {}
                for ti in session.scalars(select(TaskInstance).order_by(TaskInstance.map_index)):
                    ti.state, ti.try_number, ti.scheduled_dttm = None, 1, None
                    of_task.setdefault(ti.task_id, []).append(ti)
                change(of_task)
            scheduler.loop()
            if subject == PLUGIN:
                assert host_process().runtime().fast_path.n_decided == 3
        columns = TaskInstance.task_id, TaskInstance.map_index, TaskInstance.state, TaskInstance.try_number
        with create_session(scoped=False) as session:
            rows = session.execute(select(*columns, TaskInstance.scheduled_dttm.is_not(None)))
            found.append(sorted(tuple(row) for row in rows))
    return found


def test_a_reschedule_date_holds_back_the_task_instances_that_it_does_on_stock(
    airflow_db: MetadataDb, empty_database: Callable[[], None]
) -> None:
    """3.1.7 asks those after a task instance in `up_for_reschedule` for a date, too: even after a blocked one."""
    with DAG("d", start_date=START, schedule=None) as dag:
        gate, again, _ = (
            BashOperator(task_id=task_id, bash_command="true") for task_id in ("gate", "again", "last")
        )
        gate >> again
    now = datetime.now(timezone.utc)

    def wait(of_task: Mapping[str, list[Any]]) -> None:
        states = {"gate": "running", "again": "up_for_reschedule", "last": None}
        for task_id, state in states.items():
            of_task[task_id][0].state = state
        session = object_session(of_task["last"][0])
        assert session is not None
        for task_id, hours in (("again", -1), ("last", 1)):
            due = now + timedelta(hours=hours)
            session.add(TaskReschedule(of_task[task_id][0].id, now, now, due))

    on_stock, with_plugin = _after_a_loop(empty_database, dag, wait)
    expected = (None, 1, False) if RESCHEDULE_REACHES_OTHERS else ("scheduled", 2, True)
    assert on_stock[-1] == ("last", -1, *expected)
    assert with_plugin == on_stock


def test_a_task_instance_that_a_decision_removes_ends_as_on_stock(
    airflow_db: MetadataDb, empty_database: Callable[[], None]
) -> None:
    """Before 3.1.1, the host schedules it all the same."""
    with DAG("d", start_date=START, schedule=None) as dag:
        BashOperator.partial(task_id="mapped").expand(bash_command=["true"])

    def shorten(of_task: Mapping[str, list[Any]]) -> None:
        (first,) = of_task["mapped"]
        session = object_session(first)
        assert session is not None
        values = {column.key: getattr(first, column.key) for column in inspect(TaskInstance).column_attrs}
        first.state = "success"
        session.execute(insert(TaskInstance).values({**values, "id": str(uuid4()), "map_index": 1}))

    on_stock, with_plugin = _after_a_loop(empty_database, dag, shorten)
    assert on_stock[-1][2] in ("removed", "scheduled")
    assert with_plugin == on_stock

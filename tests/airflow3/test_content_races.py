"""A DAG is rewritten while runs of it are created or scheduled: no run may lose a task.

Each race is a sequence of transactions in an order that the host permits. Stock Airflow loses in each
(asserted too: otherwise the race would prove nothing), the plugin in none. ``SCHED_CACHE_RACE_REPETITIONS``
repeats every race with a new DAG each time (default 1).

The processor is another process without the plugin: no hook of ours sees what it writes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from functools import partial
from unittest import mock

import pytest
from airflow.api.common.trigger_dag import trigger_dag
from airflow.models import DagRun
from airflow.models import asset as host_asset
from airflow.models.asset import AssetModel
from airflow.models.backfill import _create_backfill
from airflow.models.dag_version import DagVersion
from airflow.timetables import base as host_timetables
from airflow.utils.session import create_session
from airflow.utils.types import DagRunTriggeredByType
from sqlalchemy import select

from tests.airflow3.support import runs
from tests.airflow3.support.bags import dag_of_version
from tests.airflow3.support.cluster import Cluster
from tests.airflow3.support.content import DagContent
from tests.airflow3.support.interleave import before_call
from tests.hosts.subject import Subject

N_REPETITIONS = int(os.environ.get("SCHED_CACHE_RACE_REPETITIONS", "1"))

CreateRun = Callable[[Cluster, DagContent, Callable[[], None]], str]


def repetitions(name: str) -> Iterator[str]:
    """A DAG id for each repetition of a race; nobody looks at the runs of the last one any more."""
    for number in range(N_REPETITIONS):
        yield f"{name}_{number}"
        runs.end_all_runs()


@pytest.fixture
def two_writers(cluster: Cluster) -> Cluster:
    """A cluster whose database lets a second transaction write while the first is open."""
    if cluster.database.name == "sqlite":
        pytest.skip("SQLite has one writer at a time: this race cannot happen")
    return cluster


def test_a_scheduler_uses_a_rewritten_version_in_its_next_loop(cluster: Cluster, subject: Subject) -> None:
    """W1: what a scheduler caches under a version id may be rewritten under that id.

    1. Run 1 exists, so the next edit makes version 2. All its tasks have ended.
    2. The scheduler ends run 1; it looks the run's DAG up, which is version 2, and caches it.
    3. Nothing runs on version 2 yet: the processor rewrites it in place and adds a task.
    4. Run 2 gets an instance of the new task.
    5. The scheduler meets an instance whose task its cached DAG does not have.
    """
    for dag_id in repetitions("w1"):
        content = DagContent(dag_id, ("a", "b"))
        cluster.processor.publish(content)
        first = runs.trigger(content.dag_id, cluster.api_dag_bag)
        cluster.scheduler.loop()
        runs.end_tasks(content.dag_id, first, "success")
        cluster.processor.publish(content.edited(command="echo 2"))
        cluster.scheduler.loop()
        assert runs.run_state(content.dag_id, first) == "success"

        cluster.processor.publish(content.edited(command="echo 2", tasks=("a", "b", "c")))
        assert [tasks for _, tasks in runs.versions(content.dag_id)] == [{"a", "b"}, {"a", "b", "c"}]
        second = runs.trigger(content.dag_id, cluster.api_dag_bag)
        cluster.scheduler.loop()

        states = runs.task_states(content.dag_id, second)
        if subject.loses:
            assert states == {"a": "queued", "b": "queued", "c": "removed"}
        else:
            assert states == {"a": "queued", "b": "queued", "c": "queued"}


def created_by_api(cluster: Cluster, content: DagContent, edit: Callable[[], None]) -> str:
    """``POST /dags/{dag_id}/dagRuns``."""
    with create_session(scoped=False) as session:
        request = runs.ApiRequest(content.dag_id, cluster.api_dag_bag, session)
        request.read_content()
        edit()
        request.create_run()
        request.commit()
    return request.run_id


def created_by_command(cluster: Cluster, content: DagContent, edit: Callable[[], None]) -> str:
    """``airflow dags trigger`` and the trigger-DAG-run operator."""
    with before_call(DagVersion, "get_latest_version", edit):
        run = trigger_dag(dag_id=content.dag_id, triggered_by=DagRunTriggeredByType.CLI)
    assert run is not None
    run_id: str = run.run_id
    return run_id


def created_by_schedule(cluster: Cluster, content: DagContent, edit: Callable[[], None]) -> str:
    """The scheduler with ``[scheduler] use_row_level_locking`` off: the ``dag`` row holds nobody back."""
    with (
        mock.patch("airflow.utils.sqlalchemy.USE_ROW_LEVEL_LOCKING", False),
        before_call(DagVersion, "get_latest_version", edit),
    ):
        cluster.scheduler.loop()
    (run_id,) = runs.run_ids(content.dag_id)
    return run_id


def created_by_backfill(cluster: Cluster, content: DagContent, edit: Callable[[], None]) -> str:
    """``airflow backfill create`` and its route: nothing of the DAG is locked meanwhile."""
    day = datetime(2026, 2, 1, tzinfo=timezone.utc)
    with before_call(DagVersion, "get_latest_version", edit):
        backfill = _create_backfill(
            dag_id=content.dag_id,
            from_date=day,
            to_date=day,
            max_active_runs=1,
            reverse=False,
            dag_run_conf=None,
            triggering_user_name=None,
        )
    with create_session(scoped=False) as session:
        of_backfill = select(DagRun.run_id).where(DagRun.backfill_id == backfill.id)
        run_id: str = session.scalars(of_backfill).one()
    return run_id


def created_by_partitioned_asset(cluster: Cluster, content: DagContent, edit: Callable[[], None]) -> str:
    """The scheduler, for an event of a partition: it locks what the asset left behind, and not the ``dag`` row."""
    with create_session(scoped=False) as session:
        asset_id = session.scalars(select(AssetModel.id).where(AssetModel.name == content.asset)).one()
        dag = cluster.api_dag_bag.get_latest_version_of_dag(content.dag_id, session=session)
        assert dag is not None
        fingerprint_of = vars(host_timetables).get("compute_rollup_fingerprint")  # since 3.3
        fingerprint = {"rollup_fingerprint": fingerprint_of(dag.timetable)} if fingerprint_of else {}
        pending = host_asset.AssetPartitionDagRun(
            target_dag_id=content.dag_id, partition_key="p", **fingerprint
        )
        session.add(pending)
        session.flush()
        session.add(
            host_asset.PartitionedAssetKeyLog(
                asset_id=asset_id,
                asset_event_id=0,
                asset_partition_dag_run_id=pending.id,
                source_partition_key="p",
                target_dag_id=content.dag_id,
                target_partition_key="p",
            )
        )
    with before_call(DagVersion, "get_latest_version", edit):
        cluster.scheduler.loop()
    (run_id,) = runs.run_ids(content.dag_id)
    return run_id


@pytest.mark.parametrize(
    "create_run",
    [
        created_by_api,
        created_by_command,
        created_by_schedule,
        created_by_backfill,
        *([created_by_partitioned_asset] if hasattr(host_asset, "AssetPartitionDagRun") else []),
    ],
)
def test_content_read_before_an_edit_does_not_decide_the_tasks_of_a_run(
    two_writers: Cluster, subject: Subject, create_run: CreateRun
) -> None:
    """W2: run creation reads the content and then, in a second statement, the version it stamps on the run.

    1. Something that creates a run reads the content {a, b}.
    2. The processor rewrites the version in place: {a, c}.
    3. The run is created: tasks of the old content, id of the version that now says {a, c}.
    """
    cluster = two_writers
    for dag_id in repetitions("w2"):
        content = DagContent(
            dag_id,
            ("a", "b"),
            schedule="@daily" if create_run in (created_by_schedule, created_by_backfill) else None,
            asset=dag_id if create_run is created_by_partitioned_asset else None,
        )
        cluster.processor.publish(content)

        edited = content.edited(tasks=("a", "c"))
        run_id = create_run(cluster, content, partial(cluster.processor.publish, edited))

        assert [tasks for _, tasks in runs.versions(content.dag_id)] == [{"a", "c"}]
        assert_new_task_runs(cluster, subject, content.dag_id, run_id)


def test_an_edit_while_a_run_is_being_created_reaches_that_run(
    two_writers: Cluster, subject: Subject
) -> None:
    """W3: the processor cannot see the uncommitted task instances of a version it is about to rewrite.

    1. The API server creates a run of {a, b} and has not committed.
    2. The processor finds no task instance on the version and rewrites it in place: {a, c}.
    3. The API server commits.
    """
    cluster = two_writers
    for dag_id in repetitions("w3"):
        content = DagContent(dag_id, ("a", "b"))
        cluster.processor.publish(content)
        with create_session(scoped=False) as session:
            request = runs.ApiRequest(content.dag_id, cluster.api_dag_bag, session)
            request.read_content()
            request.create_run()
            cluster.processor.publish(content.edited(tasks=("a", "c")))
            request.commit()
        assert [tasks for _, tasks in runs.versions(content.dag_id)] == [{"a", "c"}]

        assert_new_task_runs(cluster, subject, content.dag_id, request.run_id)


def assert_new_task_runs(cluster: Cluster, subject: Subject, dag_id: str, run_id: str) -> None:
    """The run was made of {a, b} and its version says {a, c}: b must be marked as removed, c must run."""
    cluster.scheduler.loops(3)
    states = runs.task_states(dag_id, run_id)
    if subject.loses:
        assert states == {"a": "queued", "b": "removed"}
    else:
        assert states == {"a": "queued", "b": "removed", "c": "queued"}


def test_a_reload_in_a_session_that_holds_the_old_row_gives_the_new_content(
    cluster: Cluster, subject: Subject
) -> None:
    """W4: a session's identity map hands back the row it already holds, even after a new SELECT.

    1. A session loads a version and something (a run, a listener) keeps the object.
    2. The processor rewrites that version in place.
    3. The bag notices the new hash and reloads in the same session.
    """
    for dag_id in repetitions("w4"):
        content = DagContent(dag_id, ("a", "b"))
        cluster.processor.publish(content)
        bag = cluster.scheduler.dag_bag
        # Every look-up is due for a check against the database, as it is 30 s after the last one.
        bag._revalidation_interval = 0
        with create_session(scoped=False) as session:
            version = session.scalar(select(DagVersion).where(DagVersion.dag_id == content.dag_id))
            assert version is not None
            assert version.serialized_dag is not None
            before = dag_of_version(bag, version.id, session)
            assert before is not None
            assert set(before.task_dict) == {"a", "b"}

            cluster.processor.publish(content.edited(tasks=("a", "c")))
            after = dag_of_version(bag, version.id, session)

            assert after is not None
            assert set(after.task_dict) == ({"a", "b"} if subject.loses else {"a", "c"})

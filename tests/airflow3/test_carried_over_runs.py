"""Runs whose task instances have no version, or another one than their run is scheduled by: the host gives them one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from airflow.models import DagRun, TaskInstance
from airflow.models.dag_version import DagVersion
from airflow.utils.session import create_session
from sqlalchemy import select, update

from sched_cache_airflow.hosts.installed import discard_runtime
from tests.airflow3.support import runs
from tests.airflow3.support.cluster import Cluster
from tests.airflow3.support.content import DagContent
from tests.airflow3.support.scheduler import Scheduler

CONTENT = DagContent("carried_over", ("a", "b"))


def nothing_has_a_version() -> None:
    """Removes the versions of a run, like the migration from Airflow 2."""
    _set(dag_version_id=None, created_dag_version_id=None)


def task_instances_have_no_version() -> None:
    """The run was cleared, or somebody wrote to it, since then."""
    _set(dag_version_id=None)


def _set(dag_version_id: Any, **of_run: Any) -> None:
    with create_session(scoped=False) as session:
        session.execute(update(TaskInstance).values(dag_version_id=dag_version_id))
        if of_run:
            session.execute(update(DagRun).values(**of_run, bundle_version=None))


@pytest.mark.parametrize("left", [nothing_has_a_version, task_instances_have_no_version])
@pytest.mark.parametrize("has_been_scheduled", [False, True], ids=["queued", "running"])
def test_the_host_gives_a_version_to_what_has_none(
    cluster: Cluster, left: Callable[[], None], has_been_scheduled: bool
) -> None:
    """Without one a task instance is never sent to an executor, and fails in the end."""
    cluster.processor.publish(CONTENT)
    run_id = runs.trigger(CONTENT.dag_id, cluster.api_dag_bag)
    cluster.scheduler.executor.parallelism = 0
    if has_been_scheduled:
        cluster.scheduler.loop()
    left()
    discard_runtime()  # as another process: what this one knows of the run is not from the database
    scheduler = Scheduler()
    scheduler.executor.parallelism = 0

    scheduler.loops(3)
    scheduler.executor.parallelism = 1000
    scheduler.loops(2)

    with create_session(scoped=False) as session:
        latest = session.scalar(select(DagVersion.id).order_by(DagVersion.version_number.desc()).limit(1))
        found = session.execute(
            select(TaskInstance.task_id, TaskInstance.dag_version_id).where(TaskInstance.run_id == run_id)
        ).all()
    assert dict(map(tuple, found)) == {"a": latest, "b": latest}
    assert runs.task_states(CONTENT.dag_id, run_id) == {"a": "queued", "b": "queued"}
    assert scheduler.executor.n_queued == 2

"""The bag of DAGs that a scheduler of this process has: Airflow's own, or the plugin's in its place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def scheduler_bag() -> Any:
    """A new one, made as the scheduler makes its own. Source: Airflow 3.3.2 and 3.3.1 jobs/scheduler_job_runner.py."""
    import airflow.jobs.scheduler_job_runner as host

    if not hasattr(host, "CachedDBDagBag"):
        return host.DBDagBag(load_op_links=False)
    return host.CachedDBDagBag(
        load_op_links=False,
        cache_size=host.SCHEDULER_DAG_CACHE_SIZE,
        cache_ttl=0,
        stats_prefix="scheduler.dag_bag",
    )


def forget(bag: Any) -> None:
    """Leaves nothing in memory, as after a restart. What the plugin has stored for all processes stays."""
    from sched_cache_airflow.patching.status import status

    bag._dags.clear()
    if status.is_on:
        from sched_cache_airflow.hosts.airflow3.runtime import runtime

        runtime().contents.l1.clear()


@contextmanager
def loop(session: Any) -> Iterator[None]:
    """One loop of the scheduler as far as DAGs go: with the plugin it begins with the hashes that are current."""
    from sched_cache_airflow.patching.status import status

    if not status.is_on:
        yield
        return
    from sched_cache_airflow.hosts.airflow3.dags.current_versions import begin_loop, end_loop

    begin_loop(session)
    try:
        yield
    finally:
        end_loop(session)


def version_of(dag_id: str) -> Any:
    """The id of the latest version."""
    from airflow.models.dag_version import DagVersion
    from airflow.utils.session import create_session
    from sqlalchemy import select

    newest = (
        select(DagVersion.id).where(DagVersion.dag_id == dag_id).order_by(DagVersion.version_number.desc())
    )
    with create_session() as session:
        return session.scalars(newest.limit(1)).one()

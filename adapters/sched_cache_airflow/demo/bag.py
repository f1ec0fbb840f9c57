"""The bag of DAGs that a scheduler in this process has: Airflow's own, or that of the plugin."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def scheduler_bag() -> Any:
    """A new bag, as the scheduler creates it. Source: Airflow 3.3.2 and 3.3.1 jobs/scheduler_job_runner.py."""
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
    """Empties the memory, as a restart does. The contents that the plugin has stored for all processes stay."""
    from sched_cache_airflow.patching.status import status

    bag._dags.clear()
    if status.is_on:
        from sched_cache_airflow.hosts.installed import runtime

        runtime().contents.l1.clear()


@contextmanager
def loop(session: Any) -> Iterator[None]:
    """The part of a scheduler loop that concerns DAGs. With the plugin, it starts by reading the current hashes."""
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

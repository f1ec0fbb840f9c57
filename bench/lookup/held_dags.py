"""The memory of a process after it has loaded every small DAG of a case; for the suite `memory`."""

from __future__ import annotations

import os
from typing import Any

from ..case import Case
from ..subject import Work
from .stored_dags import DATABASE_VARIABLE, REDIS_VARIABLE, small_keys


def memory_of_bag(case: Case) -> Work:
    """The scheduler's own bag, stock or the plugin's."""
    from airflow.models import dagbag
    from airflow.models.dag_version import DagVersion
    from airflow.utils.session import create_session
    from sqlalchemy import select

    # Source: airflow/jobs/scheduler_job_runner.py (3.3.2), except the size: its 512 places would limit the growth.
    bag: Any = dagbag.CachedDBDagBag(
        load_op_links=False, cache_size=1_000_000, cache_ttl=0, stats_prefix="scheduler.dag_bag"
    )
    wanted = set(small_keys(case))
    held: list[Any] = []

    def load() -> None:
        with create_session() as session:
            versions = session.execute(select(DagVersion.dag_id, DagVersion.id)).all()
        for dag_id, version_id in versions:
            if dag_id in wanted:
                with create_session() as session:  # as long as the scheduler examines the run
                    held.append(bag._get_dag(version_id, session))
                    session.expunge_all()

    def use() -> None:
        for dag in held:
            for task in dag.task_dict.values():
                _ = task.retries, task.trigger_rule, task.upstream_task_ids

    return Work(timed={"load": load, "use": use})


def memory_of_cache(case: Case) -> Work:
    """`DagCache`, without a host."""
    from sched_cache import Config, DagCache

    config = Config(
        database_url=os.environ[DATABASE_VARIABLE],
        redis_url=os.environ[REDIS_VARIABLE] or None,
        l1_max_bytes=1 << 34,
    )
    cache = DagCache.open(config)
    held: dict[str, Any] = {}

    def load() -> None:
        held.update(cache.get_many(small_keys(case)))

    def use() -> None:
        for dag in held.values():
            for number, task_id in enumerate(dag.task_ids):
                task = dag.task(task_id)
                _ = task.retries, task.trigger_rule, dag.upstream(number)

    return Work(timed={"load": load, "use": use})

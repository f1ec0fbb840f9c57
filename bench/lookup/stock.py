"""Stock Airflow's side of the suite `lookup`: the DAG bag that its scheduler has."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from ..case import Case
from ..subject import Work
from .hit_rate import PLACES, hit_percents
from .stored_dags import LARGE, small_keys


def stock_work(case: Case) -> Work:
    """Reads by version id, as the scheduler does; a miss is the row, the JSON in it, and the deserialization."""
    from airflow.models.dag_version import DagVersion
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        versions = {version.dag_id: version.id for version in session.scalars(select(DagVersion))}
    keys = small_keys(case)
    version = versions[keys[len(keys) // 2]]
    bag = _bag()
    with create_session() as session:
        bag._get_dag(version, session)

        def hit() -> object:
            return bag._get_dag(version, session)

    def read(dag_ids: list[str]) -> list[Any]:
        cold = _bag()
        with create_session() as session:
            return [cold._get_dag(versions[dag_id], session) for dag_id in dag_ids]

    def miss_task() -> object:
        (dag,) = read([LARGE])
        return dag.get_task(list(dag.task_dict)[len(dag.task_dict) // 2]).retries

    return Work(
        timed={"hit": hit, "miss": lambda: read([LARGE]), "miss_task": miss_task, "many": lambda: read(keys)},
        figures=hit_percents(_open_lookup),
    )


def _bag() -> Any:
    # Source: airflow/jobs/scheduler_job_runner.py (3.3.2).
    from airflow.models.dagbag import CachedDBDagBag

    return CachedDBDagBag(
        load_op_links=False, cache_size=PLACES, cache_ttl=0, stats_prefix="scheduler.dag_bag"
    )


def _open_lookup(n_keys: int) -> Callable[[str], bool]:
    held: OrderedDict[str, None] = OrderedDict()  # the operations of cachetools.LRUCache, which the bag uses

    def lookup(key: str) -> bool:
        if key in held:
            held.move_to_end(key)
            return True
        held[key] = None
        if len(held) > PLACES:
            held.popitem(last=False)
        return False

    return lookup

"""Fresh DAGs go to one loop, and are acknowledged together with what it wrote."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from sched_cache.config import Config
from sched_cache.dag_cache import DagCache
from sched_cache_airflow.simple_dag import harvest_simple_dags


def document(key: str, edition: int = 1) -> dict[str, Any]:
    tasks = [{"__type": "operator", "__var": {"task_id": f"task_{edition}"}}]
    return {"__version": 3, "dag": {"dag_id": key, "fileloc": f"/dags/{key}.py", "tasks": tasks}}


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[DagCache]:
    with DagCache.open(Config(database_url=f"sqlite:///{tmp_path}/dags.db", redis_url=None)) as cache:
        yield cache


def test_each_fresh_dag_is_harvested_once(cache: DagCache) -> None:
    for key in ("a", "b", "c"):
        cache.publish(key, document(key))
    with harvest_simple_dags(cache, limit=2) as harvest:
        assert list(harvest.simple_dag_bag.dag_ids) == ["a", "b"]
    with harvest_simple_dags(cache, limit=2) as harvest:
        assert list(harvest.simple_dag_bag.dag_ids) == ["c"]
    with harvest_simple_dags(cache) as harvest:
        assert not harvest.simple_dag_bag.simple_dags
        assert harvest.connection is None


def test_a_dag_is_fresh_again_after_it_was_parsed_again(cache: DagCache) -> None:
    cache.publish("a", document("a"))
    with harvest_simple_dags(cache):
        cache.floor("a")
    cache.publish("a", document("a"), signal=True)
    with harvest_simple_dags(cache) as harvest:
        assert list(harvest.simple_dag_bag.dag_ids) == ["a"]


def test_the_newest_version_is_harvested(cache: DagCache) -> None:
    cache.publish("a", document("a", 1))
    cache.publish("a", document("a", 2))
    with harvest_simple_dags(cache, default_concurrency=5) as harvest:
        [simple_dag] = harvest.simple_dag_bag.simple_dags
        assert simple_dag.task_ids == ["task_2"]
        assert simple_dag.concurrency == 5


def test_what_a_failed_loop_wrote_is_undone_and_its_dags_stay_fresh(cache: DagCache) -> None:
    cache.publish("a", document("a"))
    with cache.store.transaction() as connection:
        connection.execute(text("CREATE TABLE effects (dag VARCHAR(9))"))
    with pytest.raises(ZeroDivisionError), harvest_simple_dags(cache) as harvest:
        harvest.connection.execute(text("INSERT INTO effects VALUES ('a')"))
        raise ZeroDivisionError
    with harvest_simple_dags(cache) as harvest:
        assert harvest.connection.execute(text("SELECT count(*) FROM effects")).scalar_one() == 0
        assert list(harvest.simple_dag_bag.dag_ids) == ["a"]


def test_a_deleted_dag_is_not_in_the_bag_and_not_fresh_again(cache: DagCache) -> None:
    cache.publish("a", document("a"))
    cache.delete("a")
    with harvest_simple_dags(cache) as harvest:
        assert not harvest.simple_dag_bag.simple_dags
        assert [claim.is_deleted for claim in harvest.claims] == [True]
    with harvest_simple_dags(cache) as harvest:
        assert not harvest.claims


def test_a_damaged_dag_keeps_nobody_else_waiting(cache: DagCache, tmp_path: Path) -> None:
    for key in ("a", "b"):
        cache.publish(key, document(key))
    with cache.store.transaction() as connection:
        connection.execute(text("UPDATE sched_cache_content SET hot = X'00' WHERE \"key\" = 'a'"))
    with DagCache.open(Config(database_url=f"sqlite:///{tmp_path}/dags.db", redis_url=None)) as other:
        with harvest_simple_dags(other) as harvest:
            assert list(harvest.simple_dag_bag.dag_ids) == ["b"]
            assert list(harvest.damaged) == ["a"]
        with harvest_simple_dags(other) as harvest:
            assert list(harvest.damaged) == ["a"]

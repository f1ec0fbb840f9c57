"""A run that the plugin creates has the task instances that stock Airflow 2.11 gives it, column for column.

`SCHED_CACHE_CREATED_DAGS` sets how many random DAGs are tried, `SCHED_CACHE_CREATED_SEED` the first seed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timezone
from random import Random
from typing import Any
from unittest import mock

import pytest
from airflow import settings
from airflow.models import DagRun, TaskInstance
from airflow.policies import hookimpl
from airflow.stats import Stats
from airflow.utils.session import create_session
from sqlalchemy import delete, select

from sched_cache_airflow.certification.dag_document import TaskSpec
from sched_cache_airflow.certification.random_run import random_run
from sched_cache_airflow.hosts.installed import runtime
from sched_cache_airflow.run_creation import new_task_instances
from tests.airflow2.support.scheduler import IdleExecutor, Scheduler
from tests.airflow2.support.stored_runs import chain, start_run, store
from tests.airflow2.support.subject import plugin
from tests.hosts.metadata_db import MetadataDb

N_DAGS = int(os.environ.get("SCHED_CACHE_CREATED_DAGS", "16"))
FIRST_SEED = int(os.environ.get("SCHED_CACHE_CREATED_SEED", "1"))

_OF_A_SITE = "airflow.example_dags.plugins.decreasing_priority_weight_strategy.DecreasingPriorityStrategy"
_WEIGHT_RULES = ("downstream", "downstream", "upstream", "absolute", _OF_A_SITE)
_LONG_AGO = datetime(2020, 1, 1, tzinfo=timezone.utc).timestamp()


class MutationHook:
    """A site's cluster policy that changes task instances."""

    @hookimpl
    def task_instance_mutation_hook(self, task_instance: Any) -> None:
        if task_instance.task_id.endswith("1"):
            task_instance.queue = "by_policy"
            task_instance.priority_weight = (task_instance.priority_weight or 0) + 1000

    @contextmanager
    def registered(self) -> Iterator[None]:
        manager = settings.POLICY_PLUGIN_MANAGER
        manager.register(self)
        try:
            with mock.patch.object(settings.task_instance_mutation_hook, "is_noop", False):
                yield
        finally:
            manager.unregister(self)


def _tasks(random: Random) -> list[TaskSpec]:
    """Random ones, with what a row of a task instance is made of."""
    return [_with_row_fields(random, task) for task in random_run(random, max_tasks=25).tasks]


def _with_row_fields(random: Random, task: TaskSpec) -> TaskSpec:
    fields = dict(task.fields)
    fields["priority_weight"] = random.choice((1, 1, 2, 7))
    fields["weight_rule"] = random.choice(_WEIGHT_RULES)
    for name, value in (
        ("pool", "other_pool"),
        ("pool_slots", 2),
        ("queue", "other_queue"),
        ("retries", 3),
        ("run_as_user", "somebody"),
        ("end_date", _LONG_AGO),
    ):
        if random.random() < 0.1:
            fields[name] = value
    return replace(task, fields=fields)


def _created_by(dag_ids: list[str]) -> tuple[list[dict[str, Any]], list[Any]]:
    """The rows of new runs, and the metrics. Leaves no run behind."""
    bag = Scheduler(IdleExecutor(slots=0)).runner.dagbag
    counted: list[Any] = []

    def count(name: str, count: int = 1, *_: Any, **options: Any) -> None:
        if name.startswith("task_instance_created"):
            counted.append((name, count, sorted(options["tags"].items())))

    with mock.patch.object(Stats, "instance", mock.Mock(incr=count)):
        for dag_id in dag_ids:
            start_run(bag.get_dag(dag_id))
    with create_session() as session:
        table = TaskInstance.__table__
        query = select(*table.c).order_by(table.c.dag_id, table.c.task_id, table.c.map_index)
        rows = [dict(row._mapping) for row in session.execute(query).all()]
        session.execute(delete(DagRun.__table__))
    for row in rows:
        row.pop("updated_at")
    return rows, counted


@pytest.mark.parametrize("has_hook", [False, True], ids=["no hook", "mutation hook"])
def test_the_rows_of_new_runs_are_those_of_stock(
    airflow_db: MetadataDb, quiet_host: None, has_hook: bool
) -> None:
    """Of tasks with any weight rule, a site's too, and of expanded ones."""
    dag_ids = [f"created_{seed}" for seed in range(FIRST_SEED, FIRST_SEED + N_DAGS)]
    for number, dag_id in enumerate(dag_ids, start=FIRST_SEED):
        store(dag_id, _tasks(Random(number)))
    with MutationHook().registered() if has_hook else mock.MagicMock():
        stock = _created_by(dag_ids)
        with plugin():
            ours = _created_by(dag_ids)
            assert not runtime().stats.fallbacks
    assert ours == stock
    rows, counted = ours
    assert len({row["priority_weight"] for row in rows}) > 10
    assert any(row["map_index"] > 0 for row in rows)
    assert has_hook == any(row["queue"] == "by_policy" for row in rows)
    assert counted


def test_no_object_is_made_for_a_task_instance(airflow_db: MetadataDb, quiet_host: None) -> None:
    """Of those that the host would only ask for their weight."""
    store("dag", chain(5))
    with plugin(), mock.patch.object(TaskInstance, "__init__", side_effect=AssertionError):
        start_run(Scheduler(IdleExecutor(slots=0)).runner.dagbag.get_dag("dag"))
    with create_session() as session:
        query = select(TaskInstance.priority_weight).order_by(TaskInstance.task_id)
        assert list(session.scalars(query)) == [5, 4, 3, 2, 1]


def test_rows_come_from_the_hosts_own_code_where_ours_does_not_fit_it(
    airflow_db: MetadataDb, quiet_host: None
) -> None:
    """Counted, and the same rows."""
    store("dag", chain(5))
    expected, _ = _created_by(["dag"])
    with mock.patch.object(new_task_instances, "OfTask", None), plugin():
        found, _ = _created_by(["dag"])
        assert found == expected
        assert runtime().stats.fallbacks.keys() == {"insert_mapping"}

"""A run that the plugin creates has the task instances that stock Airflow gives it, column for column.

`SCHED_CACHE_CREATED_DAGS` sets how many random DAGs are tried, `SCHED_CACHE_CREATED_SEED` the first seed.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from inspect import signature
from typing import Any
from unittest import mock

import pytest

pytest.importorskip("airflow.sdk")


from airflow import plugins_manager, policies, settings
from airflow.api_fastapi.common.dagbag import create_dag_bag
from airflow.example_dags.plugins.decreasing_priority_weight_strategy import DecreasingPriorityStrategy
from airflow.models import DagModel, DagRun, TaskInstance
from airflow.policies import hookimpl
from airflow.task.priority_strategy import _DownstreamPriorityWeightStrategy
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState
from airflow.utils.types import DagRunTriggeredByType, DagRunType
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from sched_cache_airflow.hosts.airflow3.compat import STATS
from sched_cache_airflow.hosts.installed import host_process, runtime
from sched_cache_airflow.patching.code_table import known_code
from sched_cache_airflow.releases import AIRFLOW_3
from sched_cache_airflow.run_creation import new_task_instances
from tests.airflow3.support.activation import activated
from tests.airflow3.support.in_one_order import in_one_order
from tests.airflow3.support.random_dags import random_dag
from tests.airflow3.support.scheduler import Scheduler
from tests.airflow3.support.stored_dags import document_of, store
from tests.hosts.metadata_db import MetadataDb
from tests.hosts.statements import statements
from tests.hosts.subject import PLUGIN, STOCK, Subject
from tests.support.scheduling.random_dags import ANYTHING, START, Traits

N_DAGS = int(os.environ.get("SCHED_CACHE_CREATED_DAGS", "16"))
FIRST_SEED = int(os.environ.get("SCHED_CACHE_CREATED_SEED", "1"))
DAGS_A_TEST = 8

# Ids and dates are new with each run, and the trace that a carrier continues is.
_NEW_EACH_TIME = frozenset(("id", "updated_at", "context_carrier"))


class TwiceDownstream(_DownstreamPriorityWeightStrategy):
    """A site's own rule that builds on the host's."""

    def get_weight(self, ti: Any) -> int:
        return 2 * int(super().get_weight(ti)) + len(ti.run_id) + ti.map_index


WEIGHT_RULES = (*ANYTHING.weight_rules * 2, DecreasingPriorityStrategy(), TwiceDownstream())


@pytest.fixture(autouse=True)
def registered_rules() -> Iterator[None]:
    if hasattr(plugins_manager, "get_priority_weight_strategy_plugins"):
        rules = plugins_manager.get_priority_weight_strategy_plugins()
    else:  # before 3.2
        plugins_manager.initialize_priority_weight_strategy_plugins()
        rules = plugins_manager.priority_weight_strategy_classes
    with mock.patch.dict(rules, {f"{__name__}.{TwiceDownstream.__qualname__}": TwiceDownstream}):
        yield


class MutationHook:
    """A site's cluster policy that changes task instances; it remembers what it was asked about."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    if "dag_run" in signature(policies.task_instance_mutation_hook).parameters:  # since 3.3

        @hookimpl
        def task_instance_mutation_hook(self, task_instance: Any, dag_run: Any) -> None:
            self._change(task_instance, dag_run)

    else:

        @hookimpl
        def task_instance_mutation_hook(self, task_instance: Any) -> None:
            self._change(task_instance, None)

    def _change(self, task_instance: Any, dag_run: Any) -> None:
        self.asked.append((task_instance.task_id, task_instance.map_index, dag_run and dag_run.run_id))
        if task_instance.task_id.endswith("1"):
            task_instance.queue = "by_policy"
            # Before 3.2, it is asked for the first time before a rule that reads the run could weigh the task instance.
            task_instance.priority_weight = (task_instance.priority_weight or 0) + 1000

    @contextmanager
    def registered(self) -> Iterator[None]:
        if hasattr(settings, "get_policy_plugin_manager"):
            manager = settings.get_policy_plugin_manager()
        else:  # before 3.2
            manager = settings.POLICY_PLUGIN_MANAGER
        manager.register(self)
        try:
            with mock.patch.object(settings.task_instance_mutation_hook, "is_noop", False):
                yield
        finally:
            manager.unregister(self)


@pytest.mark.parametrize("has_hook", [False, True], ids=["no hook", "mutation hook"])
@pytest.mark.parametrize("first", range(FIRST_SEED, FIRST_SEED + N_DAGS, DAGS_A_TEST))
def test_the_rows_of_new_runs_are_those_of_stock(airflow_db: MetadataDb, first: int, has_hook: bool) -> None:
    """Created by the API, by a backfill or by the scheduler; of tasks with any weight rule, expanded ones too."""
    seeds = range(first, first + DAGS_A_TEST)
    store([document_of(_dag(seed)) for seed in seeds])
    stock, ours = (_created_by(subject, seeds, has_hook) for subject in (STOCK, PLUGIN))
    for seed in seeds:
        assert ours[seed] == stock[seed], f"SCHED_CACHE_CREATED_SEED={seed}"
    assert ours == stock
    rows = [row for seed in seeds for row in ours[seed]]
    assert len({row["priority_weight"] for row in rows}) > 10
    assert any(row["map_index"] > 0 for row in rows)
    assert has_hook == any(row["queue"] == "by_policy" for row in rows)


def _dag(seed: int) -> Any:
    traits = Traits(weight_rules=WEIGHT_RULES)
    return random_dag(seed, random.Random(seed).choice((1, 7, 20, 60)), traits, schedule="@daily")


def _created_by(subject: Subject, seeds: Sequence[int], has_hook: bool) -> dict[Any, Any]:
    """Seed -> its rows, in the order of their creation; and what hook and metrics saw. Leaves nothing behind."""
    hook, counted = MutationHook(), []

    def count(name: str, count: int = 1, *_: Any, **options: Any) -> None:
        if name == "task_instance_created":
            counted.append((count, sorted((options.get("tags") or {}).items())))

    with (
        activated(subject),
        in_one_order(),
        mock.patch.object(STATS, "incr", count),
        hook.registered() if has_hook else mock.MagicMock(),
        create_session(scoped=False) as session,
    ):
        for seed in seeds:
            _create_by_api(seed, session)
        _create_by_schedule(session)
        found: dict[Any, Any] = {seed: _rows(f"random_{seed}", session) for seed in seeds}
        session.rollback()
        if subject is PLUGIN:
            assert not runtime().stats.fallbacks
    return {**found, "hook": hook.asked, "metrics": counted}


def _create_by_api(seed: int, session: Session) -> None:
    dag = create_dag_bag().get_latest_version_of_dag(f"random_{seed}", session=session)
    for number, run_type in enumerate((DagRunType.MANUAL, DagRunType.BACKFILL_JOB)):
        date = START + timedelta(days=number)
        run = dag.create_dagrun(
            run_id=f"{run_type.value}__{number}",
            logical_date=date,
            data_interval=(date, date + timedelta(days=1)),
            run_after=date,
            run_type=run_type,
            triggered_by=DagRunTriggeredByType.REST_API,
            state=DagRunState.QUEUED,
            session=session,
        )
    _verify_again(run, random.Random(seed), session)


def _verify_again(run: DagRun, chosen: random.Random, session: Session) -> None:
    """Missing task instances are created again, and removed ones are restored."""
    of_run = select(TaskInstance.id).filter_by(dag_id=run.dag_id, run_id=run.run_id)
    ids = session.scalars(of_run.order_by(TaskInstance.id)).all()
    some = chosen.sample(list(ids), min(len(ids), 4))
    session.execute(delete(TaskInstance).where(TaskInstance.id.in_(some[:2])))
    session.execute(update(TaskInstance).where(TaskInstance.id.in_(some[2:])).values(state="removed"))
    session.expire(run, ["task_instances"])
    run.verify_integrity(dag_version_id=run.created_dag_version_id, session=session)
    session.flush()


def _create_by_schedule(session: Session) -> None:
    due = datetime(2026, 3, 1, tzinfo=timezone.utc)
    dag_models = session.scalars(select(DagModel).order_by(DagModel.dag_id)).all()
    for dag_model in dag_models:
        dag_model.next_dagrun, dag_model.next_dagrun_create_after = due, due + timedelta(days=1)
        dag_model.next_dagrun_data_interval = (due, due + timedelta(days=1))
    session.flush()
    Scheduler().runner._create_dag_runs(dag_models, session)
    session.flush()
    n_created = len(session.scalars(select(DagRun).filter_by(run_type="scheduled")).all())
    assert n_created == len(dag_models)


def _rows(dag_id: str, session: Session) -> list[dict[str, Any]]:
    columns = TaskInstance.__table__.c
    found = session.execute(select(*columns).where(columns.dag_id == dag_id).order_by(columns.id)).mappings()
    return [
        {name: value for name, value in row.items() if name not in _NEW_EACH_TIME}
        | {"carries": sorted(row["context_carrier"] or ())}
        for row in found
    ]


def test_a_run_is_not_compared_with_the_content_it_was_just_created_from(airflow_db: MetadataDb) -> None:
    """Its first decision asks neither which versions its task instances have nor which tasks they are of."""
    store([document_of(random_dag(number, 10, schedule="@daily")) for number in range(3)])
    with activated(PLUGIN), statements() as sent:
        scheduler = Scheduler()
        while _n_running() < 3:
            scheduler.loop()
        assert runtime().reconciler.n_compared == 0
    assert [statement for statement in sent if "UNION SELECT task_instance_history" in statement] == []


def test_rows_come_from_the_hosts_own_code_where_ours_does_not_fit_it(airflow_db: MetadataDb) -> None:
    """Counted, and the same rows."""
    store([document_of(_dag(seed)) for seed in (2, 3)])
    expected = _created_by(STOCK, (2, 3), has_hook=False)
    with mock.patch.object(new_task_instances, "OfTask", None), activated(PLUGIN):
        with create_session(scoped=False) as session:
            for seed in (2, 3):
                _create_by_api(seed, session)
            _create_by_schedule(session)
            assert {seed: _rows(f"random_{seed}", session) for seed in (2, 3)} == {
                seed: expected[seed] for seed in (2, 3)
            }
            session.rollback()
        assert runtime().stats.fallbacks.keys() == {"insert_mapping"}


def _n_running() -> int:
    with create_session(scoped=False) as session:
        return len(session.scalars(select(DagRun.id).filter_by(state="running")).all())


def test_creation_by_code_of_another_release_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The looked-up weight is the sum that the known code would have computed."""
    before = vars(TaskInstance)["insert_mapping"]
    path = "airflow.models.taskinstance:TaskInstance.insert_mapping"
    monkeypatch.setitem(known_code(AIRFLOW_3).table.code, path, {})
    host_process().installation.patch(sys.modules["airflow.models.taskinstance"])
    assert vars(TaskInstance)["insert_mapping"] is before

"""Airflow 3.3 itself finds every task instance unmet, and does not change it, that the proof calls blocked.

`SCHED_CACHE_BLOCKED_PROOF_RUNS` sets how many random runs are tried, `SCHED_CACHE_BLOCKED_PROOF_SEED` the
first seed.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

pytest.importorskip("airflow.sdk")

from airflow.models import DagModel, DagRun, TaskInstance
from airflow.models.taskmap import TaskMap
from airflow.models.taskreschedule import TaskReschedule
from airflow.models.xcom import XComModel
from airflow.ti_deps.dep_context import DepContext
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState, State
from airflow.utils.types import DagRunTriggeredByType, DagRunType
from sqlalchemy import select
from sqlalchemy.orm import Session

from sched_cache.scheduling import AIRFLOW_3
from sched_cache_airflow.hosts.airflow3.dags.serialization import DagSerialization
from tests.hosts.metadata_db import MetadataDb
from tests.support.scheduling.host_comparison import (
    Key,
    StoredRun,
    assert_asks_about_what_moves,
    assert_spares_nothing_that_matters,
    savepoint,
)
from tests.support.scheduling.moving_runs import MOVING_RUNS

N_RUNS = int(os.environ.get("SCHED_CACHE_BLOCKED_PROOF_RUNS", "60"))
FIRST_SEED = int(os.environ.get("SCHED_CACHE_BLOCKED_PROOF_SEED", "1"))
SEEDS_A_TEST = 20

NOW = datetime.now(timezone.utc)
RUN_ID = "run"


class Airflow3Run(StoredRun):
    host_name = "airflow3"
    host = AIRFLOW_3

    def store(self) -> Any:
        self.dag = DagSerialization.from_dict(self.document)
        self.session.add(DagModel(dag_id=self.dag_id, bundle_name="dags-folder"))
        self.session.flush()
        if self.random.random() < 0.5:
            self._add_run("previous", NOW - timedelta(days=1), self.spec.previous_rows(self.random))
        self._add_run(RUN_ID, NOW, self.spec.rows)
        for (task_id, map_index), decision in self.spec.decisions.items():
            self._add_xcom("skipmixin_key", decision, task_id, map_index)
        for (task_id, map_index), length in self.spec.values():
            where = {"dag_id": self.dag_id, "task_id": task_id, "run_id": RUN_ID, "map_index": map_index}
            self.session.add(TaskMap(**where, length=length, keys=None))
            self._add_xcom("return_value", ["value"] * length, task_id, map_index)
        return self.dag

    def _add_run(self, run_id: str, date: datetime, rows: Mapping[Key, str | None]) -> None:
        dag_run = DagRun(
            dag_id=self.dag_id,
            run_id=run_id,
            logical_date=date,
            run_after=date,
            run_type=DagRunType.SCHEDULED,
            triggered_by=DagRunTriggeredByType.TEST,
            state=DagRunState.RUNNING,
        )
        self.session.add(dag_run)
        self.session.flush()
        any_task = next(iter(self.dag.task_dict.values()))
        for (task_id, map_index), state in rows.items():
            task = self.dag.task_dict.get(task_id, any_task)
            ti = TaskInstance(task, None, run_id=run_id, state=state, map_index=map_index)
            ti.task_id = task_id
            ti.try_number = 1
            ti.start_date = ti.end_date = NOW - timedelta(seconds=self.random.choice((1, 10_000)))
            self.session.add(ti)
            if state == "up_for_reschedule":
                self.session.flush()
                due = NOW + timedelta(hours=self.random.choice((-1, 1)))
                self.session.add(TaskReschedule(ti.id, NOW, NOW, due))
        self.session.flush()

    def _add_xcom(self, key: str, value: Any, task_id: str, map_index: int) -> None:
        where = {"dag_id": self.dag_id, "task_id": task_id, "run_id": RUN_ID, "map_index": map_index}
        XComModel.set(key, value, **where, session=self.session)

    def load(self) -> list[Any]:
        self.session.expunge_all()
        where = (DagRun.dag_id == self.dag_id, DagRun.run_id == RUN_ID)
        self.dag_run = self.session.scalars(select(DagRun).where(*where)).one()
        self.dag_run.dag = self.dag
        found = self.dag_run.get_task_instances(state=State.task_states, session=self.session)
        known = [ti for ti in found if self.dag.has_task(ti.task_id)]
        for ti in known:
            ti.task = self.dag.get_task(ti.task_id)
        return known

    def core_rows(self) -> list[Any]:
        columns = (TaskInstance.task_id, TaskInstance.map_index, TaskInstance.state)
        where = (TaskInstance.dag_id == self.dag_id, TaskInstance.run_id == RUN_ID)
        return list(self.session.execute(select(*columns).where(*where)))

    def skip_decisions(self) -> set[str]:
        where = (
            XComModel.dag_id == self.dag_id,
            XComModel.run_id == RUN_ID,
            XComModel.key == "skipmixin_key",
        )
        return set(self.session.scalars(select(XComModel.task_id).where(*where)))

    def dep_context(self, finished: list[Any], **options: bool) -> Any:
        return DepContext(flag_upstream_failed=True, finished_tis=finished, **options)


@pytest.fixture
def session(airflow_db: MetadataDb) -> Iterator[Session]:
    with create_session(scoped=False) as session:
        yield session
        session.rollback()


@pytest.mark.parametrize("first", range(FIRST_SEED, FIRST_SEED + N_RUNS, SEEDS_A_TEST))
def test_a_blocked_task_instance_is_unmet_and_stays_as_it_is(
    session: Session, first: int, record_property: Callable[[str, object], None]
) -> None:
    """The host finds none of them ready, changes none, and decides the rest as if it had seen them all."""
    counted: Counter[str] = Counter()
    for seed in range(first, first + SEEDS_A_TEST):
        with savepoint(session):
            counted += assert_spares_nothing_that_matters(Airflow3Run(session, seed))
    record_property("counted", dict(counted))
    assert counted["blocked"] > 0


@pytest.mark.parametrize("name", MOVING_RUNS)
def test_what_a_pass_may_move_is_left_to_the_host(session: Session, name: str) -> None:
    """The host acts on it in the same pass, so it must not be spared, whatever the snapshot says."""
    moving = MOVING_RUNS[name]
    with savepoint(session):
        assert_asks_about_what_moves(Airflow3Run(session, 0, moving.run), moving)

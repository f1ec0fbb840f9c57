"""What the proof calls blocked, Airflow 3.3 itself finds unmet and leaves alone.

Seeded. `SCHED_CACHE_BLOCKED_PROOF_RUNS` sets how many random runs are tried, `SCHED_CACHE_BLOCKED_PROOF_SEED` from
which seed on.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from random import Random
from typing import Any

import pytest

from sched_cache.format import decode_dag, encode_dag
from sched_cache.scheduling import AIRFLOW_3, BlockedProof, SlimTaskInstances, UpstreamCounts
from sched_cache.scheduling import SCHEDULABLE, UNFINISHED
from tests.airflow3.support.metadata_db import MetadataDb
from tests.support.scheduling import RunSpec, document_of, random_run

pytest.importorskip("airflow.sdk")

from airflow.models import DagModel, DagRun, TaskInstance
from airflow.models.taskmap import TaskMap
from airflow.models.taskreschedule import TaskReschedule
from airflow.models.xcom import XComModel
from airflow.serialization.serialized_objects import DagSerialization
from airflow.ti_deps.dep_context import DepContext
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState, State
from airflow.utils.types import DagRunTriggeredByType, DagRunType
from sqlalchemy import select, text
from sqlalchemy.orm import Session

N_RUNS = int(os.environ.get("SCHED_CACHE_BLOCKED_PROOF_RUNS", "60"))
FIRST_SEED = int(os.environ.get("SCHED_CACHE_BLOCKED_PROOF_SEED", "1"))
NOW = datetime.now(timezone.utc)
RUN_ID = "run"

State_ = str | None
Rows = dict[tuple[str, int], State_]


class StoredRun:
    """A random run in the database, in a transaction that nobody commits."""

    def __init__(self, session: Session, seed: int) -> None:
        self.session = session
        self._random = Random(seed)
        self.spec = random_run(self._random)
        self.document = document_of(self.spec.tasks, dag_id=f"dag_{seed}")
        self.dag_id = f"dag_{seed}"
        self.dag = DagSerialization.from_dict(self.document)
        session.add(DagModel(dag_id=self.dag_id, bundle_name="dags-folder"))
        session.flush()
        if self._random.random() < 0.5:
            self._add_run("previous", NOW - timedelta(days=1), self._previous_rows())
        self.dag_run = self._add_run(RUN_ID, NOW, self.spec.rows)
        self._add_xcoms()
        session.flush()
        session.expunge_all()

    def _previous_rows(self) -> Rows:
        states = ("success", "success", "skipped", "failed", None)
        return {(task.task_id, -1): self._random.choice(states) for task in self.spec.tasks}

    def _add_run(self, run_id: str, date: datetime, rows: Rows) -> DagRun:
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
        for (task_id, map_index), state in rows.items():
            task = self.dag.task_dict.get(task_id) or next(iter(self.dag.task_dict.values()))
            ti = TaskInstance(task, None, run_id=run_id, state=state, map_index=map_index)
            ti.task_id = task_id
            ti.try_number = 1
            ti.start_date = ti.end_date = NOW - timedelta(seconds=self._random.choice((1, 10_000)))
            self.session.add(ti)
            if state == "up_for_reschedule" or self._random.random() < 0.1:
                self.session.flush()
                due = NOW + timedelta(hours=self._random.choice((-1, 1)))
                self.session.add(TaskReschedule(ti.id, NOW, NOW, due))
        self.session.flush()
        return dag_run

    def _add_xcoms(self) -> None:
        for (task_id, map_index), decision in self.spec.decisions.items():
            XComModel.set(
                "skipmixin_key",
                {name: list(task_ids) for name, task_ids in decision.items()},
                dag_id=self.dag_id,
                task_id=task_id,
                run_id=RUN_ID,
                map_index=map_index,
                session=self.session,
            )
        for (task_id, map_index), state in self.spec.rows.items():
            if state == "success" and task_id in self.spec.lengths:
                length = self.spec.lengths[task_id]
                where = {"dag_id": self.dag_id, "task_id": task_id, "run_id": RUN_ID, "map_index": map_index}
                self.session.add(TaskMap(**where, length=length, keys=None))
                XComModel.set("return_value", ["value"] * length, **where, session=self.session)

    def task_instances(self) -> list[TaskInstance]:
        """All of them as the host loads them, `removed` where the DAG has no such task."""
        self.session.expunge_all()
        self.dag_run = self.session.scalars(
            select(DagRun).where(DagRun.dag_id == self.dag_id, DagRun.run_id == RUN_ID)
        ).one()
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
        where = (XComModel.dag_id == self.dag_id, XComModel.run_id == RUN_ID, XComModel.key == "skipmixin_key")
        return set(self.session.scalars(select(XComModel.task_id).where(*where)))

    def blocked(self, evaluated: bytes, *, with_decisions: bool) -> set[tuple[str, int]]:
        """What the proof says: (task_id, map_index) of the blocked ones."""
        encoded = encode_dag(self.document)
        dag = decode_dag(encoded.hot, encoded.cold)
        rows = SlimTaskInstances.from_rows(dag, self.core_rows())
        counts = UpstreamCounts(BlockedProof(dag, AIRFLOW_3))
        counts.update(rows, self.skip_decisions() if with_decisions else None)
        return {rows[row][:2] for row in counts.blocked(evaluated)}


@pytest.fixture
def session(airflow_db: MetadataDb) -> Iterator[Session]:
    with create_session(scoped=False) as session:
        yield session
        session.rollback()


@contextmanager
def savepoint(session: Session) -> Iterator[None]:
    """Undoes what happens inside."""
    nested = session.begin_nested()
    try:
        yield
    finally:
        nested.rollback()
        session.expunge_all()


def key_of(ti: TaskInstance) -> tuple[str, int]:
    return ti.task_id, ti.map_index


CONTEXTS = {
    SCHEDULABLE: {"ignore_unmapped_tasks": True},
    UNFINISHED: {"ignore_in_retry_period": True, "ignore_in_reschedule_period": True},
}
EVALUATED = {SCHEDULABLE: {None, "up_for_retry", "up_for_reschedule"}, UNFINISHED: State.unfinished}


def check_each(run: StoredRun, evaluated: bytes, counted: Counter[str]) -> None:
    """Asks the host about every single task instance; counts how many unmet ones the proof spares it."""
    for with_decisions in (True, False):
        blocked = run.blocked(evaluated, with_decisions=with_decisions)
        label = ("schedulable" if evaluated == SCHEDULABLE else "unfinished") + " without" * (not with_decisions)
        with savepoint(run.session):
            task_instances = run.task_instances()
            finished = [ti for ti in task_instances if ti.state in State.finished]
            states = {key_of(ti): ti.state for ti in task_instances}
            context = DepContext(flag_upstream_failed=True, finished_tis=finished, **CONTEXTS[evaluated])
            todo = [ti for ti in task_instances if ti.state in EVALUATED[evaluated]]
            for ti in sorted(todo, key=lambda ti: key_of(ti) not in blocked):
                before = ti.state
                is_met = ti.are_dependencies_met(dep_context=context, session=run.session)
                if key_of(ti) in blocked:
                    assert not is_met, f"{run.dag_id}: {ti} is called blocked and is ready"
                    changed = {key_of(ti): ti.state for ti in task_instances if ti.state != states[key_of(ti)]}
                    assert not changed, f"{run.dag_id}: {ti} is called blocked and changed {changed}"
                    assert not context.have_changed_ti_states
                    counted[f"blocked {label}"] += 1
                elif not is_met and ti.state == before:
                    counted[f"missed {label}"] += 1
                    if os.environ.get("DEBUG_MISSED") and evaluated == SCHEDULABLE and with_decisions:
                        ups=[(u.task_id,u._needs_expansion,[t.state for t in task_instances if t.task_id==u.task_id]) for u in ti.task.upstream_list]
                        counted[f"  why {'T' if ti.task.is_teardown else ''}{'M' if ti.task.is_mapped else ''}{'G' if ti.task.get_closest_mapped_task_group() else ''}{'i' if ti.map_index>=0 else ''} rule={ti.task.trigger_rule if 0 else ''} undone={sum(any(s not in State.finished for s in u[2]) or not u[2] for u in ups)>0} {ti.task.trigger_rule in ('dummy','no_such_rule')}"]+=1
                else:
                    counted[f"met or changed {label}"] += 1


def after_pass(run: StoredRun, only: Callable[[TaskInstance], bool]) -> tuple[Any, Mapping[Any, Any]]:
    """What `_get_ready_tis` answers for those that `only` lets through, and all rows after it."""
    with savepoint(run.session):
        task_instances = run.task_instances()
        finished = [ti for ti in task_instances if ti.state in State.finished]
        todo = [ti for ti in task_instances if ti.state in EVALUATED[SCHEDULABLE] and only(ti)]
        ready, changed, expanded = run.dag_run._get_ready_tis(todo, finished, session=run.session)
        run.session.flush()
        answer = [key_of(ti) for ti in ready], bool(changed), expanded
        return answer, Counter(tuple(row) for row in run.core_rows())


def after_premature(run: StoredRun, only: Callable[[TaskInstance], bool]) -> tuple[Any, Mapping[Any, Any]]:
    """What `_are_premature_tis` answers for those that `only` lets through, and all rows after it."""
    with savepoint(run.session):
        task_instances = run.task_instances()
        finished = [ti for ti in task_instances if ti.state in State.finished]
        todo = [ti for ti in task_instances if ti.state in State.unfinished and only(ti)]
        answer = run.dag_run._are_premature_tis(todo, finished, run.session)
        run.session.flush()
        return answer, Counter(tuple(row) for row in run.core_rows())


@pytest.mark.parametrize("first", range(FIRST_SEED, FIRST_SEED + N_RUNS, 20))
def test_a_blocked_task_instance_is_unmet_and_stays_as_it_is(
    session: Session, first: int, record_property: Callable[[str, object], None]
) -> None:
    """The host finds none of them ready, changes none of them, and decides the rest as if it had seen them all."""
    counted: Counter[str] = Counter()
    for seed in range(first, first + 20):
        with savepoint(session):
            run = StoredRun(session, seed)
            check_each(run, SCHEDULABLE, counted)
            check_each(run, UNFINISHED, counted)
            for evaluated, decide in ((SCHEDULABLE, after_pass), (UNFINISHED, after_premature)):
                blocked = run.blocked(evaluated, with_decisions=True)
                everything = decide(run, lambda ti: True)
                spared = decide(run, lambda ti: key_of(ti) not in blocked)
                assert spared == everything, f"seed {seed}"
    record_property("counted", dict(counted))
    print(*sorted(counted.items()),sep='\n')
    assert counted["blocked schedulable"] > 0

"""Random DAGs with running runs in the metadata database, and what happens to them between two loops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from random import Random
from typing import Any

from airflow.models import DagModel, DagRun, TaskInstance
from airflow.models.dag_version import DagVersion
from airflow.models.serialized_dag import SerializedDagModel
from airflow.models.taskmap import TaskMap
from airflow.models.taskreschedule import TaskReschedule
from airflow.models.xcom import XComModel
from airflow.serialization.serialized_objects import DagSerialization, LazyDeserializedDAG
from airflow.utils.state import DagRunState
from airflow.utils.types import DagRunTriggeredByType, DagRunType
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from tests.support.scheduling import TaskSpec, document_of, random_run
from tests.support.scheduling.random_run import ACTIVE, FINISHED

BUNDLE = "dags-folder"

_ENDS = ("success",) * 8 + ("failed", "failed", "skipped", "up_for_retry", "up_for_reschedule", "deferred")


class DecidedDag:
    """One DAG and its runs. All choices come from `random`."""

    def __init__(self, session: Session, random: Random, dag_id: str) -> None:
        self.session = session
        self.random = random
        self.dag_id = dag_id
        # Not that of the module: retry delays would end in the middle of a comparison.
        self.now = datetime.now(timezone.utc)
        self.spec = random_run(random, max_tasks=random.choice((4, 10, 20)))
        self.tasks = [_with_further_fields(random, task) for task in self.spec.tasks]
        self._dag_fields = _dag_fields(random)
        model = DagModel(dag_id=dag_id, bundle_name=BUNDLE, relative_fileloc="generated.py")
        model.is_paused = model.is_stale = False
        session.add(model)
        session.flush()
        self._write()
        self.run_ids: list[str] = []
        if random.random() < 0.6:
            state = random.choice((DagRunState.SUCCESS, DagRunState.FAILED, DagRunState.RUNNING))
            self._add_run("before", 1, self.spec.previous_rows(random), state)
        self._add_run("run", 0, self.spec.rows, DagRunState.RUNNING)
        if random.random() < 0.3:
            self._add_run("after", -1, {(task.task_id, -1): None for task in self.tasks}, DagRunState.RUNNING)
        self._leave_values("run", self.spec.rows)
        for (task_id, map_index), decision in self.spec.decisions.items():
            self._add_xcom("run", "skipmixin_key", decision, task_id, map_index)
        session.flush()

    # What is stored

    def _write(self) -> None:
        document = document_of(self.tasks, "airflow3", self.dag_id)
        # The host stores the source too: any file that is there will do.
        document["dag"] |= {**self._dag_fields, "fileloc": __file__}
        self.dag = DagSerialization.from_dict(document)
        SerializedDagModel.write_dag(LazyDeserializedDAG(data=document), BUNDLE, session=self.session)
        self.session.flush()
        version = DagVersion.get_latest_version(self.dag_id, session=self.session)
        assert version is not None
        self.version_id = version.id

    def _add_run(
        self, run_id: str, days_ago: int, rows: Mapping[tuple[str, int], str | None], state: DagRunState
    ) -> None:
        date = self.now - timedelta(days=days_ago + 2)
        run = DagRun(
            dag_id=self.dag_id,
            run_id=run_id,
            logical_date=date,
            run_after=date,
            run_type=self.random.choice((DagRunType.SCHEDULED, DagRunType.SCHEDULED, DagRunType.MANUAL)),
            triggered_by=DagRunTriggeredByType.TEST,
            state=state,
            start_date=date,
            queued_at=date,
        )
        run.created_dag_version_id = self.version_id
        self.session.add(run)
        self.session.flush()
        any_task = next(iter(self.dag.task_dict.values()))
        for (task_id, map_index), ti_state in rows.items():
            task = self.dag.task_dict.get(task_id, any_task)
            ti = TaskInstance(task, self.version_id, run_id=run_id, state=ti_state, map_index=map_index)
            ti.task_id = task_id
            ti.try_number = 1
            ti.start_date = ti.end_date = self.now - timedelta(seconds=self.random.choice((1, 10_000)))
            self.session.add(ti)
            if ti_state == "up_for_reschedule":
                self.session.flush()
                self._reschedule(ti.id)
        self.session.flush()
        if state is DagRunState.RUNNING:
            self.run_ids.append(run_id)

    def _reschedule(self, ti_id: Any) -> None:
        due = self.now + timedelta(hours=self.random.choice((-1, 1)))
        self.session.add(TaskReschedule(ti_id, self.now, self.now, due))

    def _leave_values(self, run_id: str, rows: Mapping[tuple[str, int], str | None]) -> None:
        for (task_id, map_index), state in rows.items():
            if state == "success":
                self._leave_value(run_id, task_id, map_index)

    def _leave_value(self, run_id: str, task_id: str, map_index: int) -> None:
        if task_id not in self.spec.lengths or self._was_never_expanded(task_id, map_index):
            return
        length = self.spec.lengths[task_id]
        where = {"dag_id": self.dag_id, "task_id": task_id, "run_id": run_id, "map_index": map_index}
        self.session.execute(delete(TaskMap).filter_by(**where))
        self.session.add(TaskMap(**where, length=length, keys=None))
        self._add_xcom(run_id, "return_value", ["value"] * length, task_id, map_index)

    def _was_never_expanded(self, task_id: str, map_index: int) -> bool:
        """Whether it has never run, whatever its state: the host cannot expand what has left values."""
        task = next((task for task in self.tasks if task.task_id == task_id), None)
        is_mapped = task is not None and (task.over is not None or task.group is not None)
        return is_mapped and map_index < 0

    def _add_xcom(self, run_id: str, key: str, value: Any, task_id: str, map_index: int) -> None:
        if self._was_never_expanded(task_id, map_index):
            return
        where = {"dag_id": self.dag_id, "task_id": task_id, "run_id": run_id, "map_index": map_index}
        XComModel.set(key, value, **where, session=self.session)

    # What happens between two loops

    def move_on(self) -> None:
        """Workers end some tasks; sometimes a user clears or sets one; sometimes the DAG is edited."""
        random = self.random
        pace = random.choice((0.3, 0.7, 1.0))
        for ti_id, run_id, task_id, map_index, state in self._rows():
            if state in ACTIVE and random.random() < pace:
                self._end(ti_id, run_id, task_id, map_index, random.choice(_ENDS))
            elif state in ("up_for_retry", "up_for_reschedule") and random.random() < 0.5:
                self._set(ti_id, state, ended=self.now - timedelta(days=1))
            elif random.random() < 0.01:
                self._set(ti_id, random.choice((None, *ACTIVE, *FINISHED)))
        if random.random() < 0.08:
            self._edit()
        self.session.flush()

    def _rows(self) -> Sequence[Any]:
        ti = TaskInstance
        return self.session.execute(
            select(ti.id, ti.run_id, ti.task_id, ti.map_index, ti.state)
            .where(ti.dag_id == self.dag_id, ti.run_id.in_(self.run_ids))
            .order_by(ti.run_id, ti.task_id, ti.map_index)
        ).all()

    def _end(self, ti_id: Any, run_id: str, task_id: str, map_index: int, state: str) -> None:
        self._set(ti_id, state)
        if state == "up_for_reschedule":
            self._reschedule(ti_id)
        if state != "success":
            return
        self._leave_value(run_id, task_id, map_index)
        task = next((task for task in self.tasks if task.task_id == task_id), None)
        if task is not None and task.fields.get("_can_skip_downstream"):
            chosen = [child for child in task.downstream if self.random.random() < 0.5]
            decision = {self.random.choice(("followed", "skipped")): chosen}
            self._add_xcom(run_id, "skipmixin_key", decision, task_id, map_index)

    def _set(self, ti_id: Any, state: str | None, ended: datetime | None = None) -> None:
        has_ended = state in (*FINISHED, "up_for_retry")
        values = {"state": state, "end_date": (ended or self.now) if has_ended else None}
        self.session.execute(update(TaskInstance).where(TaskInstance.id == ti_id).values(**values))

    def _edit(self) -> None:
        """Takes the last task away, or adds one below a task that is there."""
        random = self.random
        if len(self.tasks) > 3 and random.random() < 0.5:
            gone = self.tasks[-1].task_id
            self.tasks = [
                replace(task, downstream=[child for child in task.downstream if child != gone])
                for task in self.tasks[:-1]
            ]
        else:
            name = f"added{len(self.tasks)}"
            parent = random.choice([task for task in self.tasks if task.group is None] or self.tasks)
            self.tasks = [
                replace(task, downstream=[*task.downstream, name]) if task is parent else task
                for task in self.tasks
            ]
            self.tasks.append(TaskSpec(name, (), None, None, {"trigger_rule": "all_done"}))
        self._write()


def _with_further_fields(random: Random, task: TaskSpec) -> TaskSpec:
    fields = dict(task.fields)
    if fields.get("depends_on_past") and random.random() < 0.5:
        fields["wait_for_downstream"] = True
    if random.random() < 0.03:
        fields["max_active_tis_per_dag"] = 2
    if random.random() < 0.03:
        fields["max_active_tis_per_dagrun"] = 1
    if random.random() < 0.1 and task.over is None:
        fields["_is_empty"] = True
    if fields.get("is_teardown") and random.random() < 0.3:
        fields["on_failure_fail_dagrun"] = True
    if random.random() < 0.2:
        fields["retries"] = 2
    return replace(task, fields=fields)


def _dag_fields(random: Random) -> dict[str, Any]:
    fields: dict[str, Any] = {"catchup": random.random() < 0.3}
    if random.random() < 0.5:
        fields["has_on_success_callback"] = True
    if random.random() < 0.5:
        fields["has_on_failure_callback"] = True
    if random.random() < 0.2:
        fields["max_consecutive_failed_dag_runs"] = random.choice((1, 2))
    return fields


def all_rows(session: Session) -> dict[str, list[dict[str, Any]]]:
    """Every row of the tables that a loop decides about; of dates only whether there is one."""
    found: dict[str, list[dict[str, Any]]] = {}
    for model, key in (
        (TaskInstance, ("dag_id", "run_id", "task_id", "map_index")),
        (DagRun, ("dag_id", "run_id")),
        (DagModel, ("dag_id",)),
        (XComModel, ("dag_id", "run_id", "task_id", "map_index", "key")),
        (TaskMap, ("dag_id", "run_id", "task_id", "map_index")),
    ):
        table = model.__table__
        rows = [_plain(row._mapping) for row in session.execute(select(table))]
        found[table.name] = sorted(rows, key=lambda row: [str(row[name]) for name in key])
    reschedules = session.execute(select(TaskReschedule.reschedule_date)).all()
    found["task_reschedule"] = [{"n": len(reschedules)}]
    return found


# Random, or the time of day.
_NOISE = {"id", "context_carrier", "duration", "last_parsed_time", "scheduled_by_job_id", "timestamp"}


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value is not None if isinstance(value, datetime) else value
        for name, value in row.items()
        if name not in _NOISE
    }

"""Random DAGs with running runs in the metadata database of Airflow 2."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import md5
from inspect import signature
from types import SimpleNamespace
from typing import Any

from airflow.models import DagModel, DagRun, TaskInstance, XCom
from airflow.models.serialized_dag import SerializedDagModel
from airflow.models.taskmap import TaskMap
from airflow.models.taskreschedule import TaskReschedule
from airflow.serialization.serialized_objects import SerializedDAG
from airflow.utils.state import DagRunState
from airflow.utils.types import DagRunType
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from sched_cache_airflow.certification import decided_dag
from sched_cache_airflow.certification.decided_dag import plain_row
from sched_cache_airflow.certification.strata import Circumstance
from sched_cache_airflow.hosts.airflow2.certification.documents import as_installed


class DecidedDag(decided_dag.DecidedDag):
    host_name = "airflow2"

    def add_model(self) -> None:
        model = DagModel(dag_id=self.dag_id, fileloc=__file__, max_active_tasks=1000, max_active_runs=16)
        model.is_paused, model.is_active, model.has_task_concurrency_limits = False, True, True
        self.session.add(model)

    def write_document(self, document: dict[str, Any]) -> Any:
        dag = SerializedDAG.from_dict(as_installed(document))
        row = SerializedDagModel(dag)
        # What the host would make of its own object: the same, but for what our documents leave out.
        row._data, row.dag_hash = document, md5(json.dumps(document, sort_keys=True).encode()).hexdigest()
        self.session.merge(row)
        self.session.flush()
        self.dag_hash = row.dag_hash
        return dag

    def circumstantial_fields(self) -> dict[str, Any]:
        is_scheduled = Circumstance.UNSCHEDULED not in self.circumstances
        return {} if is_scheduled else {"schedule_interval": None}

    def arrange(self) -> None:
        session, chosen = self.session, self.circumstances
        of_dag = DagRun.dag_id == self.dag_id
        run = session.scalars(select(DagRun).where(of_dag, DagRun.run_id == "run")).unique().one()
        if Circumstance.FUTURE in chosen:
            run.execution_date = self.now + timedelta(days=1)
        if Circumstance.CLEARED in chosen:
            run.clear_number = 1
        if Circumstance.NEVER_STARTED in chosen:
            run.start_date = None
            table = TaskInstance.__table__
            session.execute(update(table).where(table.c.dag_id == self.dag_id).values(start_date=None))
        if Circumstance.FORGOTTEN in chosen:
            stored = SerializedDagModel.__table__
            session.execute(delete(stored).where(stored.c.dag_id == self.dag_id))

    def add_run(self, run_id: str, date: datetime, run_type: str, state: str) -> None:
        run = DagRun(
            dag_id=self.dag_id,
            run_id=run_id,
            execution_date=date,
            run_type=DagRunType(run_type),
            external_trigger=run_type == "manual",
            data_interval=(date, date + timedelta(hours=1)),
            state=DagRunState(state),
            start_date=date,
            queued_at=date,
            dag_hash=self.dag_hash,
        )
        self.session.add(run)
        self.session.flush()

    def task_instance(self, task: Any, run_id: str, state: str | None, map_index: int) -> Any:
        return TaskInstance(task, run_id=run_id, state=state, map_index=map_index)

    def reference(self, ti: Any) -> Any:
        return {"run_id": ti.run_id, "task_id": ti.task_id, "map_index": ti.map_index}

    def rows(self) -> Sequence[Any]:
        ti = TaskInstance.__table__.c
        rows = self.session.execute(
            select(ti.run_id, ti.task_id, ti.map_index, ti.state)
            .where(ti.dag_id == self.dag_id, ti.run_id.in_(self.run_ids))
            .order_by(ti.run_id, ti.task_id, ti.map_index)
        ).all()
        keys = ("run_id", "task_id", "map_index")
        return [(dict(zip(keys, row, strict=False)), *row) for row in rows]

    def end(self, reference: Any, run_id: str, task_id: str, map_index: int, state: str) -> None:
        """One that was never expanded does not wait for its next try, because the host would then miss a date."""
        is_waiting = state in ("up_for_retry", "up_for_reschedule")
        never = is_waiting and self.was_never_expanded(task_id, map_index)
        super().end(reference, run_id, task_id, map_index, "failed" if never else state)

    def add_reschedule(self, reference: Any, due: datetime) -> None:
        names = {**reference, "dag_id": self.dag_id}
        if "task" in signature(TaskReschedule).parameters:  # before 2.10
            names["task"] = SimpleNamespace(**{name: names.pop(name) for name in ("dag_id", "task_id")})
        dates = {"start_date": self.now, "end_date": self.now, "reschedule_date": due}
        self.session.add(TaskReschedule(**names, **dates, try_number=1))

    def set_state(self, reference: Any, state: str | None, end_date: datetime | None) -> None:
        table = TaskInstance.__table__
        this = [table.c[name] == value for name, value in {**reference, "dag_id": self.dag_id}.items()]
        self.session.execute(update(table).where(*this).values(state=state, end_date=end_date))

    def set_length(self, where: Mapping[str, Any], length: int) -> None:
        table = TaskMap.__table__
        self.session.execute(delete(table).where(*(table.c[name] == value for name, value in where.items())))
        self.session.add(TaskMap(**where, length=length, keys=None))

    def set_xcom(self, key: str, value: Any, where: Mapping[str, Any]) -> None:
        XCom.set(key, value, **where, session=self.session)


def all_rows(session: Session) -> dict[str, list[dict[str, Any]]]:
    """Every row of the tables that a loop decides about; of dates only whether there is one."""
    found: dict[str, list[dict[str, Any]]] = {}
    for model, key in (
        (TaskInstance, ("dag_id", "run_id", "task_id", "map_index")),
        (DagRun, ("dag_id", "run_id")),
        (DagModel, ("dag_id",)),
        (XCom, ("dag_id", "run_id", "task_id", "map_index", "key")),
        (TaskMap, ("dag_id", "run_id", "task_id", "map_index")),
    ):
        table = model.__table__
        rows = [plain_row({**row._mapping}, _NOISE) for row in session.execute(select(*table.c))]
        found[table.name] = sorted(rows, key=lambda row: [str(row[name]) for name in key])
    reschedules = session.execute(select(TaskReschedule.reschedule_date)).all()
    found["task_reschedule"] = [{"n": len(reschedules)}]
    return found


# Random, or the time of day.
_NOISE = frozenset(("id", "creating_job_id", "duration", "last_parsed_time", "queued_by_job_id", "timestamp"))

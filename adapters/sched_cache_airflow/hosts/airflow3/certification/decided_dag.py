"""Random DAGs with running runs in the metadata database of Airflow 3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from datetime import datetime, timedelta, timezone
from functools import cache
from inspect import getsource
from types import NoneType
from typing import Any, Final, get_args

from airflow.api_fastapi.execution_api.datamodels.taskinstance import DagRun as RunOfCallback
from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
from airflow.models import DagModel, DagRun, TaskInstance
from airflow.models.backfill import Backfill, BackfillDagRun
from airflow.models.dag import get_run_data_interval
from airflow.models.dag_version import DagVersion
from airflow.models.dagbundle import DagBundleModel
from airflow.models.serialized_dag import SerializedDagModel
from airflow.models.taskmap import TaskMap
from airflow.models.taskreschedule import TaskReschedule
from airflow.models.xcom import XComModel
from airflow.serialization.serialized_objects import LazyDeserializedDAG, SerializedBaseOperator
from airflow.timetables.trigger import CronTriggerTimetable
from airflow.utils.state import DagRunState
from airflow.utils.types import DagRunTriggeredByType, DagRunType
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from sched_cache_airflow.certification import decided_dag
from sched_cache_airflow.certification.decided_dag import plain_row
from sched_cache_airflow.certification.strata import Circumstance
from sched_cache_airflow.hosts.airflow3.certification.teams import add_team
from sched_cache_airflow.hosts.airflow3.dags.serialization import DagSerialization

BUNDLE = "dags-folder"
_CATCHES_ERRORS: Final = "except Exception" in getsource(SchedulerJobRunner._schedule_all_dag_runs)
"""Since 3.2, an error of one run leaves the others alone."""
_KNOWS_RETRY_DELAY: Final = hasattr(SerializedBaseOperator, "retry_delay")
"""Whether an operator whose document has no retry delay has one all the same: since 3.1.1. Before, each stored DAG has
the default of its tasks beside it."""


class _RunWithoutInterval:
    """A run as `get_run_data_interval` reads one; its other columns are empty."""

    run_after = logical_date = datetime(2024, 1, 1, tzinfo=timezone.utc)

    def __getattr__(self, name: str) -> None:
        return None


def _needs_interval() -> bool:
    run: Any = _RunWithoutInterval()
    try:
        get_run_data_interval(CronTriggerTimetable("@daily", timezone="UTC"), run)
    except ValueError:
        return True
    return False


_NEEDS_INTERVAL: Final = _needs_interval()
"""Whether a run of the timetable of our documents has to have a data interval: before 3.1.5."""


@cache
def _deadlines() -> Any:
    """The deadline of a DAG, as the installed release writes it; None if it has none."""
    try:
        from airflow.sdk import DAG
        from airflow.sdk.definitions.deadline import AsyncCallback, DeadlineAlert, DeadlineReference
    except ImportError:
        return None
    alert = DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=timedelta(hours=1),
        callback=AsyncCallback("airflow.providers.slack.notify"),
    )
    with DAG("one", schedule=None, deadline=alert) as dag:
        pass
    return DagSerialization.to_dict(dag)["dag"].get("deadline")


class DecidedDag(decided_dag.DecidedDag):
    host_name = "airflow3"
    calls_back_unstarted = NoneType in get_args(
        RunOfCallback.model_fields["start_date"].annotation
    )  # since 3.2

    def add_model(self) -> None:
        if self.session.get(DagBundleModel, BUNDLE) is None:  # a new database has none
            self.session.add(DagBundleModel(name=BUNDLE))
            self.session.flush()
        model = DagModel(dag_id=self.dag_id, bundle_name=BUNDLE, relative_fileloc="generated.py")
        model.is_paused = model.is_stale = False
        self.session.add(model)

    def write_document(self, document: dict[str, Any]) -> Any:
        if not _KNOWS_RETRY_DELAY:
            document["client_defaults"] = {"tasks": SerializedBaseOperator.generate_client_defaults()}
        SerializedDagModel.write_dag(LazyDeserializedDAG(data=document), BUNDLE, session=self.session)
        self.session.flush()
        version = DagVersion.get_latest_version(self.dag_id, session=self.session)
        assert version is not None
        self.version_id = version.id
        return DagSerialization.from_dict(document)

    def circumstantial_fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        if Circumstance.UNSCHEDULED in self.circumstances:
            fields["timetable"] = {"__type": "airflow.timetables.simple.NullTimetable", "__var": {}}
        if Circumstance.DEADLINE in self.circumstances:
            fields["deadline"] = deepcopy(_deadlines())
        return fields

    def arrange(self) -> None:
        session, chosen = self.session, self.circumstances
        of_dag = DagRun.dag_id == self.dag_id
        run = session.scalars(select(DagRun).where(of_dag, DagRun.run_id == "run")).unique().one()
        if Circumstance.FUTURE in chosen:
            run.logical_date = self.now + timedelta(days=1)
        if Circumstance.CLEARED in chosen:
            run.clear_number = 1
        if Circumstance.OF_A_TEAM in chosen:
            add_team(BUNDLE, session)
        if Circumstance.NEVER_STARTED in chosen:
            run.start_date = None
            session.execute(
                update(TaskInstance).where(TaskInstance.dag_id == self.dag_id).values(start_date=None)
            )
        if Circumstance.BACKFILL in chosen:
            self._add_backfill(run)
        stored = SerializedDagModel.__table__
        if Circumstance.UNDECODABLE in chosen and _CATCHES_ERRORS:
            session.execute(
                update(stored).where(stored.c.dag_id == self.dag_id).values(data={"__version": 3, "dag": {}})
            )
        if Circumstance.FORGOTTEN in chosen:
            session.execute(delete(stored).where(stored.c.dag_id == self.dag_id))

    def _add_backfill(self, run: Any) -> None:
        dates = {"from_date": run.logical_date, "to_date": run.logical_date}
        backfill = Backfill(dag_id=self.dag_id, dag_run_conf={}, **dates)
        self.session.add(backfill)
        self.session.flush()
        run.backfill_id, run.run_type = backfill.id, DagRunType.BACKFILL_JOB
        link = BackfillDagRun(backfill_id=backfill.id, dag_run_id=run.id, sort_ordinal=1)
        link.logical_date = run.logical_date
        self.session.add(link)

    def add_run(self, run_id: str, date: datetime, run_type: str, state: str) -> None:
        interval = {"data_interval": (date, date)} if _NEEDS_INTERVAL else {}
        run = DagRun(
            dag_id=self.dag_id,
            run_id=run_id,
            logical_date=date,
            run_after=date,
            run_type=DagRunType(run_type),
            triggered_by=DagRunTriggeredByType.TEST,
            state=DagRunState(state),
            start_date=date,
            queued_at=date,
            **interval,
        )
        run.created_dag_version_id = self.version_id
        self.session.add(run)
        self.session.flush()

    def task_instance(self, task: Any, run_id: str, state: str | None, map_index: int) -> Any:
        return TaskInstance(task, self.version_id, run_id=run_id, state=state, map_index=map_index)

    def reference(self, ti: Any) -> Any:
        return ti.id

    def rows(self) -> Sequence[Any]:
        ti = TaskInstance
        rows: Sequence[Any] = self.session.execute(
            select(ti.id, ti.run_id, ti.task_id, ti.map_index, ti.state)
            .where(ti.dag_id == self.dag_id, ti.run_id.in_(self.run_ids))
            .order_by(ti.run_id, ti.task_id, ti.map_index)
        ).all()
        return rows

    def add_reschedule(self, reference: Any, due: datetime) -> None:
        self.session.add(TaskReschedule(reference, self.now, self.now, due))

    def set_state(self, reference: Any, state: str | None, end_date: datetime | None) -> None:
        values = {"state": state, "end_date": end_date}
        self.session.execute(update(TaskInstance).where(TaskInstance.id == reference).values(**values))

    def set_length(self, where: Mapping[str, Any], length: int) -> None:
        self.session.execute(delete(TaskMap).filter_by(**where))
        self.session.add(TaskMap(**where, length=length, keys=None))

    def set_xcom(self, key: str, value: Any, where: Mapping[str, Any]) -> None:
        XComModel.set(key, value, **where, session=self.session)


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
        rows = [plain_row({**row._mapping}, _NOISE) for row in session.execute(select(table))]
        found[table.name] = sorted(rows, key=lambda row: [str(row[name]) for name in key])
    reschedules = session.execute(select(TaskReschedule.reschedule_date)).all()
    found["task_reschedule"] = [{"n": len(reschedules)}]
    return found


# Random, the time of day, or the id of the scheduler.
_NOISE = frozenset(
    (
        "id",
        "context_carrier",
        "creating_job_id",
        "duration",
        "last_parsed_time",
        "queued_by_job_id",
        "scheduled_by_job_id",
        "timestamp",
    )
)

"""Run creation as the API server does it, step by step, and what the database says about a run."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import TYPE_CHECKING

from airflow._shared.timezones import timezone
from airflow.models import DagRun, TaskInstance
from airflow.models.dag_version import DagVersion
from airflow.models.dagbag import DBDagBag
from airflow.models.serialized_dag import SerializedDagModel
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState
from airflow.utils.types import DagRunTriggeredByType, DagRunType
from sqlalchemy import select, update

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from sched_cache_airflow.hosts.airflow3.dags.serialization import SerializedDAG


class ApiRequest:
    """``POST /dags/{dag_id}/dagRuns`` in a session of its own, halted between its steps.

    Source: airflow/api_fastapi/core_api/routes/public/dag_run.py ``trigger_dag_run``.
    """

    def __init__(self, dag_id: str, dag_bag: DBDagBag, session: Session) -> None:
        self.run_id = f"manual__{uuid.uuid4().hex}"
        self._dag_id = dag_id
        self._dag_bag = dag_bag
        self._session = session
        self._dag: SerializedDAG | None = None

    def read_content(self) -> None:
        """The first step: which DAG is this?"""
        self._dag = self._dag_bag.get_latest_version_of_dag(self._dag_id, session=self._session)

    def create_run(self) -> None:
        """The second step: the run and its task instances, flushed and not committed."""
        assert self._dag is not None, f"{self._dag_id} is not in the database"
        self._dag.create_dagrun(
            run_id=self.run_id,
            # SQLite's clock has whole seconds: a run of this second would not be due yet.
            run_after=timezone.utcnow() - timedelta(minutes=1),
            run_type=DagRunType.MANUAL,
            triggered_by=DagRunTriggeredByType.REST_API,
            state=DagRunState.QUEUED,
            session=self._session,
        )
        self._session.flush()

    def commit(self) -> None:
        """The last step: what the session's dependency does when the route returns."""
        self._session.commit()


def trigger(dag_id: str, dag_bag: DBDagBag) -> str:
    """Create a run without interruption; returns its id."""
    with create_session(scoped=False) as session:
        request = ApiRequest(dag_id, dag_bag, session)
        request.read_content()
        request.create_run()
        request.commit()
    return request.run_id


def run_ids(dag_id: str) -> list[str]:
    """The ids of every run of the DAG, oldest first."""
    with create_session(scoped=False) as session:
        return list(session.scalars(select(DagRun.run_id).where(DagRun.dag_id == dag_id).order_by(DagRun.id)))


def task_states(dag_id: str, run_id: str) -> dict[str, str | None]:
    """Task id to state, of every task instance the run has, read in a transaction of its own."""
    with create_session(scoped=False) as session:
        columns = select(TaskInstance.task_id, TaskInstance.state)
        rows = session.execute(columns.where(TaskInstance.dag_id == dag_id, TaskInstance.run_id == run_id))
        return {task_id: None if state is None else str(state) for task_id, state in rows}


def run_state(dag_id: str, run_id: str) -> str:
    """The state of one run."""
    with create_session(scoped=False) as session:
        state = session.scalar(select(DagRun.state).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id))
        return str(state)


def end_tasks(dag_id: str, run_id: str, state: str) -> None:
    """Give every task instance of the run the final ``state``, as if its executor had run it."""
    ended = timezone.utcnow()
    with create_session(scoped=False) as session:
        session.execute(
            update(TaskInstance)
            .where(TaskInstance.dag_id == dag_id, TaskInstance.run_id == run_id)
            .values(state=state, start_date=ended, end_date=ended)
        )


def end_all_runs() -> None:
    """Make every run and task instance a finished one: no scheduler looks at it, no pool counts it."""
    with create_session(scoped=False) as session:
        session.execute(update(TaskInstance).values(state="success"))
        session.execute(update(DagRun).values(_state="success"))


def versions(dag_id: str) -> list[tuple[int, set[str]]]:
    """(version number, task ids of its content) of every version of the DAG, oldest first."""
    with create_session(scoped=False) as session:
        rows = session.execute(
            select(DagVersion.version_number, SerializedDagModel)
            .join(SerializedDagModel, SerializedDagModel.dag_version_id == DagVersion.id)
            .where(DagVersion.dag_id == dag_id)
            .order_by(DagVersion.version_number)
        ).all()
        found = []
        for number, row in rows:
            assert row.data is not None
            found.append((number, {task["__var"]["task_id"] for task in row.data["dag"]["tasks"]}))
        return found

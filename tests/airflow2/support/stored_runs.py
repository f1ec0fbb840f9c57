"""DAGs from plain values and runs of them, in the metadata database of Airflow 2.11."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from random import Random
from typing import Any

from airflow.models import DagModel
from airflow.models.serialized_dag import SerializedDagModel
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState
from airflow.utils.types import DagRunType

from sched_cache_airflow.certification.dag_document import TaskSpec, document_of
from sched_cache_airflow.hosts.airflow2.certification.decided_dag import DecidedDag

DAY = datetime(2026, 1, 1, tzinfo=timezone.utc)


def chain(n_tasks: int) -> list[TaskSpec]:
    """Each task below the one before."""
    names = [f"task_{number}" for number in range(n_tasks)]
    return [TaskSpec(name, names[number + 1 : number + 2]) for number, name in enumerate(names)]


def store(dag_id: str, tasks: Sequence[TaskSpec], **dag_fields: Any) -> None:
    """Writes the DAG, which is not paused and not due."""
    with create_session() as session:
        author = DecidedDag.__new__(DecidedDag)
        author.session, author.dag_id, author.random = session, dag_id, Random(0)
        author.add_model()
        session.flush()
        document = document_of(tasks, "airflow2", dag_id)
        document["dag"] |= {"fileloc": __file__, **dag_fields}
        author.write_document(document)
        session.query(DagModel).filter(DagModel.dag_id == dag_id).update({"next_dagrun_create_after": None})


def start_run(dag: Any, number: int = 0, **options: Any) -> Any:
    """A running run of this DAG, created as the scheduler does it."""
    date = DAY + timedelta(days=number)
    with create_session() as session:
        return dag.create_dagrun(
            run_type=DagRunType.SCHEDULED,
            execution_date=date,
            data_interval=(date, date + timedelta(days=1)),
            state=DagRunState.RUNNING,
            external_trigger=False,
            dag_hash=SerializedDagModel.get_latest_version_hash(dag.dag_id, session=session),
            session=session,
            **options,
        )

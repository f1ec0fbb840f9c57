"""DAGs of one size in a metadata database, written by the host's own code."""

from __future__ import annotations

import json

from airflow._shared.timezones import timezone
from airflow.models.dag import DagModel
from airflow.models.dag_version import DagVersion
from airflow.models.serialized_dag import SerializedDagModel
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG
from airflow.serialization.serialized_objects import LazyDeserializedDAG
from airflow.utils.session import create_session
from sqlalchemy import select

from sched_cache_airflow.hosts.airflow3.dags.serialization import DagSerialization

BUNDLE = "dags-folder"
_ANY = "the-name-of-a-dag"


def dag_of(dag_id: str, n_tasks: int, edition: int = 0) -> DAG:
    """Bash tasks in ten parallel chains, with a few options each, as DAGs that generate their tasks have."""
    with DAG(
        dag_id,
        schedule=None,
        start_date=timezone.datetime(2026, 1, 1),
        default_args={"owner": "figures", "retries": 2},
        tags=["figures"],
    ) as dag:
        chains: list[BashOperator | None] = [None] * 10
        for number in range(n_tasks):
            task = BashOperator(
                task_id=f"chain_{number % 10}.task_{number:05d}",
                bash_command=f"run {dag_id} --step {number} --day {{{{ ds }}}} --edition {edition}",
                pool="default_pool",
                priority_weight=1 + number % 5,
                env={"STEP": str(number)},
            )
            before = chains[number % 10]
            if before is not None:
                before.set_downstream(task)
            chains[number % 10] = task
    return dag


def write_dags(prefix: str, n_dags: int, n_tasks: int) -> None:
    """`n_dags` DAGs called `prefix` and a number, one version each."""
    # Made once: the host takes longer to make a DAG and serialize it than to write it.
    text = json.dumps(DagSerialization.to_dict(dag_of(_ANY, n_tasks)))
    with create_session(scoped=False) as session:
        for number in range(n_dags):
            dag_id = f"{prefix}_{number:04d}"
            document = json.loads(text.replace(_ANY, dag_id))
            session.add(DagModel(dag_id=dag_id, bundle_name=BUNDLE, fileloc=__file__, is_paused=False))
            session.flush()
            SerializedDagModel.write_dag(
                LazyDeserializedDAG(data=document), bundle_name=BUNDLE, session=session
            )
            if number % 50 == 49:
                session.commit()
                session.expunge_all()


def rewrite_in_place(dag_id: str, n_tasks: int, edition: int) -> None:
    """Another content under the same version, in a transaction of its own."""
    document = DagSerialization.to_dict(dag_of(dag_id, n_tasks, edition))
    with create_session(scoped=False) as session:
        SerializedDagModel.write_dag(LazyDeserializedDAG(data=document), bundle_name=BUNDLE, session=session)


def version_ids(prefix: str) -> list[object]:
    """The versions of the DAGs of that name, by dag_id."""
    with create_session(scoped=False) as session:
        query = (
            select(DagVersion.id)
            .where(DagVersion.dag_id.startswith(f"{prefix}_"))
            .order_by(DagVersion.dag_id)
        )
        return list(session.scalars(query))

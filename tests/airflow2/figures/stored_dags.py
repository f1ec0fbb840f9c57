"""DAGs of one size in a metadata database of Airflow 2.11, written by the host's own code."""

from __future__ import annotations

import json
from typing import Any

from airflow.models.dag import DAG, DagModel
from airflow.models.serialized_dag import SerializedDagModel
from airflow.operators.bash import BashOperator
from airflow.serialization.serialized_objects import SerializedDAG
from airflow.utils import timezone
from airflow.utils.session import create_session
from sqlalchemy import select

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
        chains: list[Any] = [None] * 10
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
    """`n_dags` DAGs called `prefix` and a number."""
    # Made once: the host takes longer to make a DAG and serialize it than to write it.
    text = json.dumps(SerializedDAG.to_dict(dag_of(_ANY, n_tasks)))
    small = dag_of(_ANY, 1)
    with create_session() as session:
        for number in range(n_dags):
            dag_id = f"{prefix}_{number:04d}"
            session.add(DagModel(dag_id=dag_id, fileloc=__file__, is_paused=False, is_active=True))
            session.flush()
            small.dag_id = dag_id
            row = SerializedDagModel(small)
            row._data = json.loads(text.replace(_ANY, dag_id))
            row.dag_hash = f"{abs(hash(dag_id)):032x}"[-32:]
            session.add(row)
            if number % 50 == 49:
                session.commit()
                session.expunge_all()


def rewrite(dag_id: str, n_tasks: int, edition: int) -> None:
    """Another content of the DAG, in a transaction of its own."""
    with create_session() as session:
        SerializedDagModel.write_dag(dag_of(dag_id, n_tasks, edition), session=session)


def dag_ids(prefix: str) -> list[str]:
    """The DAGs of that name."""
    with create_session() as session:
        query = select(DagModel.dag_id).where(DagModel.dag_id.startswith(f"{prefix}_"))
        return list(session.scalars(query.order_by(DagModel.dag_id)))

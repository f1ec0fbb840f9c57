"""The DAGs of a case in a metadata database of Airflow 2."""

from __future__ import annotations

import os

from ..airflow_home import DAG_FILE
from ..sdk_dag import build_dag
from ..shapes import make_shape
from .workload import open_pools


def write_built_dags(shape: str, n_dags: int, n_tasks: int, seed: int, home: str) -> None:
    """Stores them as the DAG processor does.

    Source: airflow/models/dagbag.py `DagBag.sync_to_db` (2.11).
    """
    from airflow.models.dag import DAG
    from airflow.models.serialized_dag import SerializedDagModel
    from airflow.utils.session import create_session

    dags = [
        build_dag(make_shape(shape, n_tasks, seed=seed + number, dag_id=f"dag_{number}"))
        for number in range(n_dags)
    ]
    open_pools()
    with create_session() as session:
        for dag in dags:
            dag.fileloc = os.path.join(home, "dags", DAG_FILE)
        DAG.bulk_write_to_db(dags, session=session)
        for dag in dags:
            SerializedDagModel.write_dag(dag, session=session)

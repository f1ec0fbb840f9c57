"""The DAGs of one scheduler loop.

Source: `SimpleDagBag` of Airflow 1.10.15, utils/dag_processing.py.
"""

from __future__ import annotations

from collections.abc import KeysView, Sequence

from sched_cache_airflow.simple_dag.host_errors import unknown_dag_error
from sched_cache_airflow.simple_dag.simple_dag import SimpleDag


class SimpleDagBag:
    """`simple_dags` as given, and `dag_id_to_simple_dag`, which has the last DAG of each id."""

    def __init__(self, simple_dags: Sequence[SimpleDag]) -> None:
        self.simple_dags = simple_dags
        self.dag_id_to_simple_dag = {simple_dag.dag_id: simple_dag for simple_dag in simple_dags}

    @property
    def dag_ids(self) -> KeysView[str]:
        """The ids of all DAGs in the bag."""
        return self.dag_id_to_simple_dag.keys()

    def get_dag(self, dag_id: str) -> SimpleDag:
        """The DAG with this id.

        Raises:
            UnknownDagError: there is none; an `AirflowException` where Airflow is in the process.
        """
        if dag_id not in self.dag_id_to_simple_dag:
            raise unknown_dag_error(dag_id)
        return self.dag_id_to_simple_dag[dag_id]

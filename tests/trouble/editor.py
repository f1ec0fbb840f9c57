"""Stores edited DAGs of a case, on either host."""

from __future__ import annotations

import json
import os
from typing import Any

from bench.airflow_home import DAG_FILE
from bench.loop.host import host


class Editor:
    """`SCHED_CACHE_TROUBLE_CASE` is the case, as JSON."""

    def __init__(self) -> None:
        self._case = json.loads(os.environ["SCHED_CACHE_TROUBLE_CASE"])

    def edit(self, numbers: list[int], retries: int) -> None:
        """Every task of these DAGs gets so many retries."""
        if host() == "airflow2":
            self._edit_built(numbers, retries)
            return
        from bench.case import Case
        from bench.loop.editor import Editor as DocumentEditor

        DocumentEditor(Case("loop", self._case, 0), os.environ["AIRFLOW_HOME"]).edit(numbers, retries)

    def _edit_built(self, numbers: list[int], retries: int) -> None:
        from airflow.models.serialized_dag import SerializedDagModel
        from airflow.utils.session import create_session

        from bench.sdk_dag import build_dag
        from bench.shapes import make_shape

        case: Any = self._case
        with create_session() as session:
            for number in numbers:
                shape = make_shape(case["shape"], case["n_tasks"], seed=number, dag_id=f"dag_{number}")
                dag: Any = build_dag(shape)
                dag.fileloc = os.path.join(os.path.dirname(os.environ["AIRFLOW_HOME"]), "dags", DAG_FILE)
                for task in dag.tasks:
                    task.retries = retries
                SerializedDagModel.write_dag(dag, session=session)

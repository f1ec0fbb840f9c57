"""A DAG that has a task of each kind, in groups of each kind."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from airflow.models.dag import DAG
from airflow.serialization.serialized_objects import SerializedDAG

_START = dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)


def base_document() -> Any:
    """A task of each kind, in groups of each kind."""
    from airflow.datasets import Dataset
    from airflow.decorators import task_group
    from airflow.models.param import Param
    from airflow.operators.bash import BashOperator
    from airflow.operators.python import PythonOperator

    with DAG(
        "d", start_date=_START, schedule="@daily", params={"p": Param(1, type="integer")}, tags=["x"]
    ) as dag:
        plain = BashOperator(
            task_id="plain", bash_command="true", outlets=[Dataset("a")], retry_delay=dt.timedelta(9)
        )
        mapped = BashOperator.partial(task_id="mapped", retries=2, pool="p").expand(env=plain.output)
        plain >> mapped >> PythonOperator(task_id="last", python_callable=print, op_kwargs={"a": 1})

        @task_group(group_id="around")
        def around(x: int) -> None:
            BashOperator(task_id="inside", bash_command="true")

        around.expand(x=[1, 2])
    dag.fileloc = __file__
    return json.loads(json.dumps(SerializedDAG.to_dict(dag)))

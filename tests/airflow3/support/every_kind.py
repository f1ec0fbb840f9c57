"""A DAG that has a task of each kind, in groups of each kind."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from sched_cache_airflow.hosts.airflow3.dags.serialization import DagSerialization

_START = dt.datetime(2026, 1, 1, tzinfo=dt.timezone.utc)


def base_document() -> Any:
    """A task of each kind, in groups of each kind."""
    from airflow.providers.standard.operators.bash import BashOperator
    from airflow.providers.standard.operators.python import PythonOperator
    from airflow.sdk import DAG, Asset, Param, task_group

    with DAG(
        "d", start_date=_START, schedule="@daily", params={"p": Param(1, type="integer")}, tags=["x"]
    ) as dag:
        plain = BashOperator(
            task_id="plain", bash_command="true", outlets=[Asset("a")], retry_delay=dt.timedelta(9)
        )
        mapped = BashOperator.partial(task_id="mapped", retries=2, pool="p").expand(env=plain.output)
        plain >> mapped >> PythonOperator(task_id="last", python_callable=print, op_kwargs={"a": 1})

        @task_group(group_id="around")
        def around(x: int) -> None:
            BashOperator(task_id="inside", bash_command="true")

        around.expand(x=[1, 2])
    document: Any = json.loads(json.dumps(DagSerialization.to_dict(dag)))
    return {**document, "client_defaults": {"tasks": {"pool": "some"}}}

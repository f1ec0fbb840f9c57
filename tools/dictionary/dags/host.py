"""One set of names for what Airflow 3 and 2.11 spell differently, and the options that all DAGs share."""

from __future__ import annotations

import importlib
from datetime import datetime, timedelta, timezone
from typing import Any

try:
    from airflow.sdk import DAG, Asset, Label, Param, TaskGroup, chain, setup, task, task_group, teardown

    MAJOR = 3
except ImportError:
    from airflow.datasets import Dataset as Asset
    from airflow.decorators import setup, task, task_group, teardown
    from airflow.models.baseoperator import chain
    from airflow.models.dag import DAG
    from airflow.models.param import Param
    from airflow.utils.edgemodifier import Label
    from airflow.utils.task_group import TaskGroup

    MAJOR = 2

__all__ = [
    "DEFAULT_ARGS",
    "MAJOR",
    "START",
    "Asset",
    "Bash",
    "BranchPython",
    "Empty",
    "Label",
    "Param",
    "Python",
    "TaskGroup",
    "chain",
    "make_dag",
    "named",
    "notify",
    "setup",
    "task",
    "task_group",
    "teardown",
    "work",
]

START = datetime(2024, 1, 1, tzinfo=timezone.utc)
DEFAULT_ARGS = {
    "owner": "data-platform",
    "depends_on_past": False,
    "email": ["alerts@example.com"],
    "email_on_failure": False,
    "email_on_retry": False,
    "retries": 2,
    "retry_delay": timedelta(minutes=5),
}


def named(path: str) -> Any:
    """An operator or sensor of the standard provider, which Airflow 2 has in its core."""
    kind, module, name = path.split(".")
    if MAJOR == 3:
        return getattr(importlib.import_module(f"airflow.providers.standard.{kind}.{module}"), name)
    module = {"time": "time_sensor"}.get(module, module) if kind == "sensors" else module
    return getattr(importlib.import_module(f"airflow.{kind}.{module}"), name)


Bash = named("operators.bash.BashOperator")
Empty = named("operators.empty.EmptyOperator")
Python = named("operators.python.PythonOperator")
BranchPython = named("operators.python.BranchPythonOperator")


def notify(context: Any) -> None:
    """Stands for an author's callback."""


def work(**context: Any) -> None:
    """Stands for an author's function."""


def make_dag(dag_id: str, schedule: Any = "@daily", **options: Any) -> Any:
    options.setdefault("start_date", START)
    options.setdefault("catchup", False)
    dag = DAG(dag_id, schedule=schedule, **options)
    dag.fileloc = f"/opt/airflow/dags/{dag_id}.py"
    if MAJOR == 3:
        dag.relative_fileloc = f"{dag_id}.py"
    return dag

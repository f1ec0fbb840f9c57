"""Random DAGs of the host's SDK."""

from __future__ import annotations

from airflow.providers.standard.operators.bash import BashOperator
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.python import BranchPythonOperator
from airflow.providers.standard.sensors.bash import BashSensor
from airflow.sdk import DAG, TaskGroup, task_group

from tests.support.scheduling.random_dags import Classes

random_dag = Classes(
    dag=DAG,
    task_group=TaskGroup,
    mapped_task_group=task_group,
    bash=BashOperator,
    empty=EmptyOperator,
    branch=BranchPythonOperator,
    sensor=BashSensor,
).random_dag

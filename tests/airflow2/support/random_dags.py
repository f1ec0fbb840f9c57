"""Random DAGs of the host's classes."""

from __future__ import annotations

import warnings

from airflow import DAG
from airflow.decorators import task_group
from airflow.operators.bash import BashOperator
from airflow.operators.empty import EmptyOperator
from airflow.operators.python import BranchPythonOperator
from airflow.utils.task_group import TaskGroup
from airflow.utils.trigger_rule import TriggerRule

from tests.support.scheduling.random_dags import RULES, Classes

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the host uses what its libraries deprecate
    from airflow.sensors.bash import BashSensor

random_dag = Classes(
    dag=DAG,
    task_group=TaskGroup,
    mapped_task_group=task_group,
    bash=BashOperator,
    empty=EmptyOperator,
    branch=BranchPythonOperator,
    sensor=BashSensor,
    rules=tuple(rule for rule in RULES if TriggerRule.is_valid(rule)),
).random_dag

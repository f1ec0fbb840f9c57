"""The names that the end-to-end DAGs use from the SDK of Airflow 3, as Airflow 2.11 has them."""

from airflow.datasets import Dataset as Asset
from airflow.decorators import setup, task, task_group, teardown
from airflow.models.baseoperator import BaseOperator
from airflow.models.dag import DAG as HostDag
from airflow.utils.task_group import TaskGroup
from airflow.utils.trigger_rule import TriggerRule

__all__ = [
    "DAG",
    "Asset",
    "BaseOperator",
    "TaskGroup",
    "TriggerRule",
    "setup",
    "task",
    "task_group",
    "teardown",
]


class DAG(HostDag):
    """A DAG under the names that Airflow 3 has for its options."""

    def __init__(self, *args, fail_fast=False, **options):
        super().__init__(*args, fail_stop=fail_fast, **options)

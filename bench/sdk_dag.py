"""The same shapes built with Airflow's own classes: the SDK of 3, the models of 2.

Needs Airflow; imported only where Airflow is a subject.
"""

from __future__ import annotations

import datetime
from typing import Any

from .shapes import Group, Shape, Task


def build_dag(shape: Shape) -> Any:
    """The `DAG` that an author would write for `shape`."""
    BashOperator, DAG, TaskGroup, task_group = _classes()
    built: dict[Task | Group, Any] = {}

    def add_task(task: Task) -> None:
        if task.values is None:
            operator = BashOperator(task_id=task.label, bash_command=task.command, **task.options)
        else:
            values = built[task.values].output if isinstance(task.values, Task) else task.values
            operator = BashOperator.partial(task_id=task.label, **task.options).expand(bash_command=values)
        if task.role == "setup":
            operator = operator.as_setup()
        elif task.role == "teardown":
            operator = operator.as_teardown()
        built[task] = operator

    def add_children(group: Group) -> None:
        for child in group.children:
            if isinstance(child, Task):
                add_task(child)
            elif child.values is None:
                with TaskGroup(child.label) as built[child]:
                    add_children(child)
            else:
                values = built[child.values].output if isinstance(child.values, Task) else child.values
                built[child] = task_group(group_id=child.label)(_function_of(child, add_children)).expand(
                    value=values
                )

    with DAG(shape.dag_id, start_date=datetime.datetime(2024, 1, 1), schedule="@daily", catchup=False) as dag:
        add_children(shape.root)
        for upstream, downstream in shape.edges:
            built[upstream] >> built[downstream]
    return dag


def _classes() -> tuple[Any, Any, Any, Any]:
    try:
        from airflow.providers.standard.operators.bash import BashOperator
        from airflow.sdk import DAG, TaskGroup, task_group
    except ImportError:  # Airflow 2
        from airflow.decorators import task_group
        from airflow.models.dag import DAG
        from airflow.operators.bash import BashOperator
        from airflow.utils.task_group import TaskGroup
    return BashOperator, DAG, TaskGroup, task_group


def _function_of(group: Group, add_children: Any) -> Any:
    def body(value: Any) -> None:
        add_children(group)

    return body

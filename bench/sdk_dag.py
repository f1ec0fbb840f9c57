"""The same shapes built with Airflow's own SDK (3.x).

Needs Airflow; imported only where Airflow is a subject.
"""

from __future__ import annotations

import datetime
from typing import Any

from .shapes import Group, Shape, Task


def build_dag(shape: Shape) -> Any:
    """The `airflow.sdk.DAG` that an author would write for `shape`."""
    from airflow.providers.standard.operators.bash import BashOperator
    from airflow.sdk import DAG, TaskGroup, task_group

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

    with DAG(shape.dag_id, start_date=datetime.datetime(2024, 1, 1), schedule="@daily") as dag:
        add_children(shape.root)
        for upstream, downstream in shape.edges:
            built[upstream] >> built[downstream]
    return dag


def _function_of(group: Group, add_children: Any) -> Any:
    def body(value: Any) -> None:
        add_children(group)

    return body

"""The DAGs of the demo: their sizes, and the file that defines them."""

from __future__ import annotations

from pathlib import Path

SIZES = (100, 300, 1000, 2000)
WARM_UP_TASKS = 10
"""The tasks of the DAG with which a process warms up: it opens its connections and imports its modules."""
WATCHED_TASKS = 500
"""The tasks of the DAG that is edited while a process holds it. It has no run, so it is rewritten in place."""
LOOP_SIZES = (100, 300, 1000)
"""The tasks of the DAGs that have a run. Stock Airflow takes long to create a run of a larger DAG."""

_SOURCE = '''\
"""Written by the demo."""
import datetime

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

EDITION = {edition}

for n_tasks in {sizes}:
    with DAG(f"tasks_{{n_tasks}}", start_date=datetime.datetime(2026, 1, 1), schedule=None) as dag:
        above = []
        for layer in range(n_tasks // 10):
            row = [
                BashOperator(task_id=f"layer_{{layer}}_task_{{column}}", bash_command=f"echo {{EDITION}}", retries=2)
                for column in range(10)
            ]
            for column, task in enumerate(row):
                for shift in range(3 if above else 0):
                    above[(column + shift) % 10] >> task
            above = row
'''


def dag_id_of(n_tasks: int) -> str:
    """Each DAG has layers of ten tasks, each task three upstream ones."""
    return f"tasks_{n_tasks}"


def first_half(n_tasks: int) -> list[str]:
    """The tasks of the upper layers."""
    return [f"layer_{layer}_task_{column}" for layer in range(n_tasks // 20) for column in range(10)]


def write_dag_file(folder: Path, edition: int) -> None:
    """Replaces the file in one step; another `edition` is another content with the same tasks."""
    unfinished = folder / "demo.unfinished"
    unfinished.write_text(_SOURCE.format(edition=edition, sizes=(WARM_UP_TASKS, WATCHED_TASKS, *SIZES)))
    unfinished.replace(folder / "demo.py")

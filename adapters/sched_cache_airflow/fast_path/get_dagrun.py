"""The run of a task instance, if it is loaded already.

The host's `TaskInstance.get_dagrun` finds the run in a view of all attributes, for which SQLAlchemy creates one object
each. These objects refer to each other, so only the garbage collector can free them, and they are most of its work in a
loop that schedules.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Method = Callable[..., Any]


def get_dagrun(stock: Method) -> Method:
    """`TaskInstance.get_dagrun`."""

    def _get_dagrun(self: Any, *args: Any, **options: Any) -> Any:
        dag_run = vars(self).get("dag_run")  # attributes that are not loaded or have expired are missing
        if dag_run is None:
            return stock(self, *args, **options)
        task = getattr(self, "task", None)
        if task is not None:
            dag_run.dag = task.dag
        return dag_run

    return _get_dagrun

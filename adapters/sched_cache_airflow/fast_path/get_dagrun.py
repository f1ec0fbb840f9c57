"""The run of a task instance, where it is loaded already.

The host's `TaskInstance.get_dagrun` looks that up in a view of all attributes, for which SQLAlchemy makes an object
each. They refer to each other, so that the garbage collector has to find them: most of what a loop that schedules
leaves it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Method = Callable[..., Any]


def get_dagrun(stock: Method) -> Method:
    """`TaskInstance.get_dagrun`."""

    def _get_dagrun(self: Any, *args: Any, **options: Any) -> Any:
        dag_run = vars(self).get("dag_run")  # what is not loaded, or expired, is not there
        if dag_run is None:
            return stock(self, *args, **options)
        task = getattr(self, "task", None)
        if task is not None:
            dag_run.dag = task.dag
        return dag_run

    return _get_dagrun

"""One task as an object."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from sched_cache.format.columns import ABSENT


class DagOfTask(Protocol):
    """The members of its DAG that a task uses: see `CompactDag`."""

    @property
    def dag_id(self) -> str: ...

    @property
    def task_ids(self) -> Sequence[str]: ...

    def upstream(self, index: int) -> Sequence[int]: ...

    def downstream(self, index: int) -> Sequence[int]: ...

    def effective(self, index: int, name: str) -> Any: ...


class CompactTask:
    """A flyweight over the columns of its DAG: every field that the host sees is an attribute, in serialized form.

    `dag.task(task_id)` returns the same object every time, so tasks may be compared by identity. A hot field
    that the document omits has its default; any other absent field raises `AttributeError`.
    """

    __slots__ = ("__weakref__", "dag", "index")

    def __init__(self, dag: DagOfTask, index: int) -> None:
        self.dag = dag
        self.index = index

    @property
    def task_id(self) -> str:
        """The name of the task."""
        return self.dag.task_ids[self.index]

    @property
    def upstream_task_ids(self) -> list[str]:
        """Names of the direct upstream tasks."""
        task_ids = self.dag.task_ids
        return [task_ids[other] for other in self.dag.upstream(self.index)]

    @property
    def downstream_task_ids(self) -> list[str]:
        """Names of the direct downstream tasks."""
        task_ids = self.dag.task_ids
        return [task_ids[other] for other in self.dag.downstream(self.index)]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in CompactTask.__slots__:  # the latter: not yet set, as in a copy
            raise AttributeError(name)
        value = self.dag.effective(self.index, name)
        if value is ABSENT:
            raise AttributeError(f"task {self.task_id!r} of DAG {self.dag.dag_id!r} has no field {name!r}")
        return value

    def __repr__(self) -> str:
        return f"CompactTask({self.dag.dag_id!r}, {self.task_id!r})"

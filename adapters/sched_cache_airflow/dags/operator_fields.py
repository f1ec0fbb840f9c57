"""Fields of an operator that are read from the columns of its DAG, for the operators of both hosts.

None defines `__set__`, because the host assigns to fields: an entry in the `__dict__` of the instance takes precedence.
"""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

from sched_cache.format import ABSENT
from sched_cache_airflow.dags.task_columns import OWN, UNKNOWN, TaskColumns
from sched_cache_airflow.hosts.contract import HostFields

MISSING = object()


class ColumnTask(Protocol):
    """The members of its operator that a field needs."""

    _fields_of_host: ClassVar[HostFields]
    _columns: TaskColumns
    _index: int

    def own(self) -> dict[str, Any]:
        """The current attributes of the instance."""

    def _populate(self) -> None: ...


class Field:
    """A field that is computed at every read."""

    __slots__ = ("name",)

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, task: ColumnTask | None, owner: type[ColumnTask] | None = None) -> Any:
        if task is None:
            assert owner is not None
            return getattr(owner._fields_of_host.host_class, self.name, None)
        return self.compute(task)

    def compute(self, task: ColumnTask) -> Any:
        raise NotImplementedError


class Kept(Field):
    """A field that is computed at its first read and then kept in the instance's `__dict__`."""

    __slots__ = ()

    def __get__(self, task: ColumnTask | None, owner: type[ColumnTask] | None = None) -> Any:
        if task is None:
            return super().__get__(task, owner)
        # Two threads at the same time get the same object, because a task must have only one mutable value.
        return task.own().setdefault(self.name, self.compute(task))


class Default(Kept):
    """A field that no task of the DAG has, and whose default is mutable, so that no task shares it."""

    __slots__ = ()

    def compute(self, task: ColumnTask) -> Any:
        return task._fields_of_host.default(self.name)


class Hot(Field):
    """A field that is decoded from its column. `column`: its name in the document."""

    __slots__ = ("column",)

    def __init__(self, column: str) -> None:
        self.column = column

    def __get__(self, task: ColumnTask | None, owner: type[ColumnTask] | None = None) -> Any:
        if task is None:
            return super().__get__(task, owner)
        columns = task._columns
        try:
            table, codes = columns.shared[self.column]
            value = table[codes[task._index]]
        except KeyError:
            value = UNKNOWN
        if value is UNKNOWN:
            value = self._make(task)
        return self._make_own(task) if value is OWN else value

    def _make(self, task: ColumnTask) -> Any:
        def decode(_: str, value: Any) -> Any:
            return self.decode(task, value)

        default = OWN if task._fields_of_host.is_own(self.name) else self.default(task)
        return task._columns.make_shared(self.column, task._index, decode, default)

    def _make_own(self, task: ColumnTask) -> Any:
        encoded = task._columns.raw(self.column, task._index)
        value = self.default(task) if encoded is ABSENT else self.decode(task, encoded)
        return task.own().setdefault(self.name, value)

    def decode(self, task: ColumnTask, value: Any) -> Any:
        return task._fields_of_host.decode(self.column, value)

    def default(self, task: ColumnTask) -> Any:
        """The value for a task whose document lacks the field."""
        return task._fields_of_host.default(self.name)


class Date(Hot):
    """`start_date` or `end_date`: the task's own, else the DAG's."""

    __slots__ = ()

    def __get__(self, task: ColumnTask | None, owner: type[ColumnTask] | None = None) -> Any:
        value = super().__get__(task, owner)
        return getattr(task._columns.dag, self.name, None) if value is None and task is not None else value

    def default(self, task: ColumnTask) -> Any:
        return None


class Flag(Hot):
    """A flag that is false unless the document says otherwise."""

    __slots__ = ()

    def decode(self, task: ColumnTask, value: Any) -> bool:
        return bool(value)

    def default(self, task: ColumnTask) -> bool:
        return False


class Cold(Kept):
    """A field that the host deserializes, together with all others of the task."""

    __slots__ = ()

    def compute(self, task: ColumnTask) -> Any:
        task._populate()
        value = task.own().get(self.name, MISSING)
        return task._fields_of_host.default(self.name) if value is MISSING else value


class OfDag(Field):
    """The DAG object that the operator belongs to."""

    __slots__ = ()

    def compute(self, task: ColumnTask) -> Any:
        return task._columns.dag


class OfTaskGroup(Kept):
    """The group that the task is in."""

    __slots__ = ()

    def compute(self, task: ColumnTask) -> Any:
        # Building the tree assigns every task its group.
        task._columns.dag.task_group  # noqa: B018
        return task.own().get(self.name)


class RelativeIds(Field):
    """A new set each time, filled in the order in which the host fills it, since API and pages show that order."""

    __slots__ = ("is_upstream",)

    def __init__(self, is_upstream: bool) -> None:
        self.is_upstream = is_upstream

    def compute(self, task: ColumnTask) -> set[str]:
        return set(task._columns.relative_ids(task._index, self.is_upstream))


class StartTriggerArgs(Kept):
    """An object, if the document has one."""

    __slots__ = ()

    def compute(self, task: ColumnTask) -> Any:
        encoded = task._columns.raw(self.name, task._index)
        if encoded is ABSENT or not encoded:
            return None
        return task._fields_of_host.decode_start_trigger_args(encoded)

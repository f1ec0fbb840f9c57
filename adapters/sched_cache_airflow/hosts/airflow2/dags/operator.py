"""Operators as flyweights over the columns of a compact DAG.

An instance has two references and no field that is a column: each read of a hot field looks it up in the column, where
it is decoded once for all tasks that share the value. At the first read of any other field, the host deserializes that
one task from its restored document, so the fields of our operators are equal to those of the host's. Source:
Airflow 2.11.2 serialization/serialized_objects.py `populate_operator`, `set_task_dag_references`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from airflow.models.abstractoperator import NotMapped
from airflow.serialization.serialized_objects import (
    BaseSerialization,
    SerializedBaseOperator,
    decode_priority_weight_strategy,
)
from airflow.utils.operator_resources import Resources
from airflow.version import version as airflow_version

from sched_cache.format import ABSENT
from sched_cache_airflow.dags.column_operator import (
    ColumnOperator,
    always_lazy,
    dict_of_instances,
    lazy_columns,
)
from sched_cache_airflow.dags.operator_fields import (
    MISSING,
    Cold,
    ColumnTask,
    Default,
    Hot,
    Kept,
    OfDag,
)
from sched_cache_airflow.dags.task_columns import TaskColumns
from sched_cache_airflow.dags.task_fields import TaskFields
from sched_cache_airflow.hosts.airflow2 import compat

_TIMEDELTAS = frozenset(("retry_delay", "execution_timeout", "sla", "max_retry_delay"))
_SERIALIZED_FIELDS = SerializedBaseOperator.get_serialized_fields()

# The host sets these attributes on every new operator.
_DEFAULTS: dict[str, Any] = vars(SerializedBaseOperator(task_id="any"))
_MUTABLE = {name: value for name, value in _DEFAULTS.items() if isinstance(value, (dict, list, set))}


@lru_cache(maxsize=64)
def _deps(names: tuple[str, ...]) -> Any:
    return SerializedBaseOperator._deserialize_deps(list(names))


class _Fields(TaskFields):
    """The decoding of fields by Airflow 2."""

    host_class = SerializedBaseOperator
    release = f"airflow {airflow_version}"

    @property
    def loads_links(self) -> bool:
        """The host's switch for operator links in this process."""
        return bool(SerializedBaseOperator._load_operator_extra_links)

    def attempt(self, name: str, value: Any) -> Any:
        """The result of `populate_operator` for a value of a column, including `partial_kwargs`."""
        return Resources.from_dict(value) if name == "resources" else super().attempt(name, value)

    def deserialize(self, value: Any) -> Any:
        return BaseSerialization.deserialize(value)

    def params(self, value: Any) -> Any:
        return SerializedBaseOperator._deserialize_params_dict(value)

    def partial_kwargs(self, value: Any) -> Any:
        return {keyword: BaseSerialization.deserialize(inner) for keyword, inner in value.items()}

    def are_links_portable(self, links: Any) -> bool:
        """Only if there are no links: a link is an object of a class that another process may lack."""
        return links in ([], {})

    def decode(self, name: str, value: Any) -> Any:
        """By the branch that `populate_operator` takes for `name`."""
        if name in _TIMEDELTAS:
            return None if value is None else SerializedBaseOperator._deserialize_timedelta(value)
        if name.endswith("_date"):
            return SerializedBaseOperator._deserialize_datetime(value)
        if name == "weight_rule":
            return decode_priority_weight_strategy(value)
        if name == "deps":
            return _deps(tuple(value))
        if name in ("inlets", "outlets", "executor_config") or name not in _SERIALIZED_FIELDS:
            return BaseSerialization.deserialize(value)
        return value

    def default(self, name: str) -> Any:
        """The value that the host sets on a new operator; otherwise the class attribute."""
        if name in _MUTABLE:
            return type(_MUTABLE[name])(_MUTABLE[name])
        return _DEFAULTS[name] if name in _DEFAULTS else getattr(SerializedBaseOperator, name, None)

    def is_own(self, name: str) -> bool:
        """Whether the host creates a new value for each operator."""
        return name in _MUTABLE

    def decode_start_trigger_args(self, value: Any) -> Any:
        decode = compat.DECODE_START_TRIGGER_ARGS
        return self.decode("start_trigger_args", value) if decode is None else decode(value)


class _OperatorName(Hot):
    """The task's type, unless the document has another name."""

    __slots__ = ()

    def __get__(self, task: Any, owner: Any = None) -> Any:
        value = super().__get__(task, owner)
        return value if value is not None or task is None else task._task_type


class _InitKwargs(Kept):
    """The attribute that the host's `__setattr__` reads."""

    __slots__ = ()

    def compute(self, task: ColumnTask) -> dict[str, Any]:
        return {"task_id": task._columns.task_ids[task._index]}


def _is_asked_in_vain(name: str, columns: TaskColumns) -> bool:
    """Whether it is what `TaskInstance.insert_mapping` asks each task for, and no document has.

    Unless a template field is called so: the host's operator has None there, and the row gets None either way.
    """
    return name == "custom_operator_name" and name not in columns.cold_names


_own_dict = dict_of_instances(SerializedBaseOperator)


class CompactOperator(ColumnOperator, SerializedBaseOperator):
    """One task that is not mapped. The DAG returns the same object every time.

    The classes in use are subclasses that `operator_class` makes: a field that no task of a DAG has is not lazy
    there, but what the host gives every operator, as an attribute of the class.
    """

    __slots__ = ("_columns", "_index", "_is_populated")

    __dict__ = ColumnOperator.every_attribute

    _fields_of_host = _Fields()
    _set_by_dag = ("_dag", "task_group")
    _not_mapped = NotMapped

    _columns: TaskColumns
    _index: int
    _is_populated: bool

    _dag = OfDag()
    _operator_name = _OperatorName("_operator_name")
    _BaseOperator__init_kwargs = _InitKwargs()

    def __setattr__(self, name: str, value: Any) -> None:
        # The host's looks into the template fields at each assignment; those are cold.
        if name in _KNOWN:
            object.__setattr__(self, name, value)
        else:
            super().__setattr__(name, value)

    def own(self) -> dict[str, Any]:
        """The current attributes of the instance."""
        own: dict[str, Any] = _own_dict(self)
        return own

    def _populate(self) -> None:
        """Lets the host deserialize this task, and keeps the fields that were not read so far."""
        if self._is_populated:
            return
        own, lazy = self.own(), type(self)
        for name, value in vars(self._deserialized()).items():
            here = _attribute(lazy, name)
            if here is MISSING or isinstance(here, Cold):
                own.setdefault(name, value)
        object.__setattr__(self, "_is_populated", True)

    def _deserialized(self) -> Any:
        """The host's object of this task, which knows neither DAG nor neighbours."""
        columns = self._columns
        SerializedBaseOperator._load_operator_extra_links = columns.load_op_links
        return SerializedBaseOperator.deserialize_operator(columns.serialized_task(self._index))

    def __getattr__(self, name: str) -> Any:
        # Called for names without a class attribute: template fields and keys that the host does not know.
        if not (name.startswith("__") and name.endswith("__")):
            columns = self._columns
            if columns.is_hot(name):
                value = columns.value(name, self._index, self._fields_of_host.decode)
                if value is not ABSENT:
                    return self.own().setdefault(name, value)
            elif not self._is_populated and columns.may_have(name) and not _is_asked_in_vain(name, columns):
                self._populate()
                if name in self.own():
                    return self.own()[name]
        raise AttributeError(f"'SerializedBaseOperator' object has no attribute {name!r}")

    def __eq__(self, other: object) -> bool:
        """The host's comparison of values; its own operators count as operators of the same class."""
        if self is other:
            return True
        if not (type(other) is SerializedBaseOperator or isinstance(other, CompactOperator)):
            return False
        return all(getattr(self, name, None) == getattr(other, name, None) for name in self._comps)

    def __hash__(self) -> int:
        """The hash of the host's operator with the same values."""
        parts: list[Any] = [SerializedBaseOperator]
        for name in self._comps:
            value = getattr(self, name, None)
            try:
                hash(value)
                parts.append(value)
            except TypeError:
                parts.append(repr(value))
        return hash(tuple(parts))


def new_operator(make: type[CompactOperator], columns: TaskColumns, index: int) -> CompactOperator:
    """The operator of one task. The host's `__init__` is not called, because its attributes are computed on access."""
    operator = make.__new__(make)
    for name, value in (("_columns", columns), ("_index", index), ("_is_populated", False)):
        object.__setattr__(operator, name, value)
    return operator


_ALWAYS_LAZY = always_lazy(CompactOperator)
_ATTRIBUTE_OF = {
    "is_setup": "_is_setup",
    "is_teardown": "_is_teardown",
    "on_failure_fail_dagrun": "_on_failure_fail_dagrun",
    "_inlets": "inlets",
    "_outlets": "outlets",
    "_operator_extra_links": "operator_extra_links",
}
_KNOWN = frozenset((*_DEFAULTS, *_ALWAYS_LAZY, "dag", "is_setup", "is_teardown", "on_failure_fail_dagrun"))


def _attribute(owner: type, name: str) -> Any:
    """The attribute of a class by name, without calling descriptors."""
    return next((vars(base)[name] for base in owner.__mro__ if name in vars(base)), MISSING)


@lru_cache(maxsize=256)
def operator_class(hot: frozenset[str], cold: frozenset[str], load_op_links: bool) -> type[CompactOperator]:
    """The class for DAGs whose tasks have these hot and cold columns: few, since DAGs are much alike."""
    # The host's name and module, since its messages and the names of its loggers show them.
    names_of_class = {
        "__module__": SerializedBaseOperator.__module__,
        "__qualname__": "SerializedBaseOperator",
    }
    fields: dict[str, Any] = {"__slots__": (), **names_of_class}
    for name, value in _DEFAULTS.items():
        if name not in _ALWAYS_LAZY and name != "task_id":
            fields[name] = Default() if name in _MUTABLE else value
    columns = lazy_columns(hot - {"label"}, cold - {"label"}, load_op_links, _ATTRIBUTE_OF)
    fields.update(
        (attribute, field)
        for attribute, field in columns
        if attribute not in _ALWAYS_LAZY
        and (attribute in _DEFAULTS or hasattr(SerializedBaseOperator, attribute))
    )
    metaclass: Any = type(CompactOperator)
    made: type[CompactOperator] = metaclass("SerializedBaseOperator", (CompactOperator,), fields)
    return made

"""Operators as flyweights over the columns of a compact DAG.

An instance is two references and keeps no field that its column has: a hot field is looked up there at every read,
decoded once for all tasks that share the value. The first read of any other field has the host deserialize that one
task from its restored document, so what the host's code makes of a field is what our operators have. Source:
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
    decode_start_trigger_args,
)

from sched_cache.format import ABSENT
from sched_cache_airflow.task_columns import OWN, UNKNOWN, TaskColumns

_TIMEDELTAS = frozenset(("retry_delay", "execution_timeout", "sla", "max_retry_delay"))
_SERIALIZED_FIELDS = SerializedBaseOperator.get_serialized_fields()
_MISSING = object()

# The host sets these on every operator when it makes one.
_DEFAULTS: dict[str, Any] = vars(SerializedBaseOperator(task_id="any"))
_MUTABLE = {name: value for name, value in _DEFAULTS.items() if isinstance(value, (dict, list, set))}


def _decode(name: str, value: Any) -> Any:
    """The attribute's value, by the branch that `populate_operator` takes for `name`."""
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


@lru_cache(maxsize=64)
def _deps(names: tuple[str, ...]) -> Any:
    return SerializedBaseOperator._deserialize_deps(list(names))


def _default(name: str) -> Any:
    """What the host gives an operator whose document lacks the field; its own, if it can be changed."""
    if name in _MUTABLE:
        return type(_MUTABLE[name])(_MUTABLE[name])
    return _DEFAULTS[name] if name in _DEFAULTS else getattr(SerializedBaseOperator, name, None)


class _Field:
    """A field that is computed at every read.

    It defines no `__set__`, so that the host can assign to the field, as it does.
    """

    __slots__ = ("name",)

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, task: CompactOperator | None, owner: type | None = None) -> Any:
        return getattr(SerializedBaseOperator, self.name, None) if task is None else self.compute(task)

    def compute(self, task: CompactOperator) -> Any:
        raise NotImplementedError


class _Kept(_Field):
    """A field that is computed at its first read and then stands in the instance's `__dict__`."""

    __slots__ = ()

    def __get__(self, task: CompactOperator | None, owner: type | None = None) -> Any:
        if task is None:
            return getattr(SerializedBaseOperator, self.name, None)
        # Of two threads that come first, both get the object of one: what can be changed must be the task's own.
        return task.__dict__.setdefault(self.name, self.compute(task))


class _Default(_Kept):
    """What no task of the DAG has, and what must not be shared."""

    __slots__ = ()

    def compute(self, task: CompactOperator) -> Any:
        return _default(self.name)


class _Hot(_Field):
    """A field that is decoded from its column. `column`: its name in the document."""

    __slots__ = ("column",)

    def __init__(self, column: str) -> None:
        self.column = column

    def __get__(self, task: CompactOperator | None, owner: type | None = None) -> Any:
        if task is None:
            return getattr(SerializedBaseOperator, self.name, None)
        columns = task._columns
        try:
            table, codes = columns.shared[self.column]
            value = table[codes[task._index]]
        except KeyError:
            value = UNKNOWN
        if value is UNKNOWN:
            default = OWN if self.name in _MUTABLE else self.default()
            value = columns.make_shared(self.column, task._index, self.decode, default)
        if value is OWN:
            own = columns.value(self.column, task._index, self.decode)
            return task.__dict__.setdefault(self.name, self.default() if own is ABSENT else own)
        return value

    def decode(self, name: str, value: Any) -> Any:
        return _decode(name, value)

    def default(self) -> Any:
        """What a task has whose document lacks the field."""
        return _default(self.name)


class _Cold(_Kept):
    """A field that the host deserializes, together with all others of the task."""

    __slots__ = ()

    def compute(self, task: CompactOperator) -> Any:
        task._populate()
        value = task.__dict__.get(self.name, _MISSING)
        return _default(self.name) if value is _MISSING else value


class _Dag(_Field):
    __slots__ = ()

    def compute(self, task: CompactOperator) -> Any:
        return task._columns.dag


class _TaskGroup(_Kept):
    __slots__ = ()

    def compute(self, task: CompactOperator) -> Any:
        # Building the tree assigns every task its group.
        task._columns.dag.task_group  # noqa: B018
        return task.__dict__.get(self.name)


class _RelativeIds(_Field):
    """A new set each time, filled in the order in which the host fills it, since pages show that order."""

    __slots__ = ("is_upstream",)

    def __init__(self, is_upstream: bool) -> None:
        self.is_upstream = is_upstream

    def compute(self, task: CompactOperator) -> set[str]:
        return set(task._columns.relative_ids(task._index, self.is_upstream))


class _Date(_Hot):
    """`start_date` or `end_date`: the task's own, else the DAG's."""

    __slots__ = ()

    def __get__(self, task: CompactOperator | None, owner: type | None = None) -> Any:
        value = super().__get__(task, owner)
        return getattr(task._columns.dag, self.name, None) if value is None and task is not None else value

    def default(self) -> Any:
        return None


class _Flag(_Hot):
    """A mark that is down unless the document has it up."""

    __slots__ = ()

    def decode(self, name: str, value: Any) -> bool:
        return bool(value)

    def default(self) -> bool:
        return False


class _OperatorName(_Hot):
    """The task's type, unless the document has another name."""

    __slots__ = ()

    def __get__(self, task: CompactOperator | None, owner: type | None = None) -> Any:
        value = super().__get__(task, owner)
        return value if value is not None or task is None else task._task_type


class _StartTriggerArgs(_Kept):
    __slots__ = ()

    def compute(self, task: CompactOperator) -> Any:
        encoded = task._columns.raw(self.name, task._index)
        return decode_start_trigger_args(encoded) if encoded is not ABSENT and encoded else None


class _InitKwargs(_Kept):
    """What the host's `__setattr__` looks into."""

    __slots__ = ()

    def compute(self, task: CompactOperator) -> dict[str, Any]:
        return {"task_id": task.task_id}


def _is_asked_in_vain(name: str, columns: TaskColumns) -> bool:
    """Whether it is what `TaskInstance.insert_mapping` asks each task for, and no document has.

    Unless a template field is called so: the host's operator has None there, and the row gets None either way.
    """
    return name == "custom_operator_name" and name not in columns.cold_names


class CompactOperator(SerializedBaseOperator):
    """One task that is not mapped. The DAG hands out the same object every time.

    The classes in use are subclasses that `operator_class` makes: a field that no task of a DAG has is not lazy
    there, but what the host gives every operator, as an attribute of the class.
    """

    __slots__ = ("_columns", "_index", "_is_populated")

    _columns: TaskColumns
    _index: int
    _is_populated: bool

    task_id = property(lambda self: self._columns.task_ids[self._index])
    task_group = _TaskGroup()
    start_date = _Date("start_date")
    end_date = _Date("end_date")
    upstream_task_ids = _RelativeIds(is_upstream=True)
    downstream_task_ids = _RelativeIds(is_upstream=False)
    start_trigger_args = _StartTriggerArgs()
    start_from_trigger = _Flag("start_from_trigger")
    _dag = _Dag()
    _is_empty = _Flag("_is_empty")
    _operator_name = _OperatorName("_operator_name")
    _BaseOperator__init_kwargs = _InitKwargs()

    def __setattr__(self, name: str, value: Any) -> None:
        # The host's looks into the template fields at each assignment; those are cold.
        if name in _KNOWN:
            object.__setattr__(self, name, value)
        else:
            super().__setattr__(name, value)

    def _populate(self) -> None:
        """Has the host deserialize this task, and keeps what it made of the fields not read so far."""
        if self._is_populated:
            return
        own, lazy = self.__dict__, type(self)
        for name, value in vars(self._deserialized()).items():
            here = _attribute(lazy, name)
            if here is _MISSING or isinstance(here, _Cold):
                own.setdefault(name, value)
        object.__setattr__(self, "_is_populated", True)

    def _deserialized(self) -> Any:
        """The host's object of this task, which knows neither DAG nor neighbours."""
        columns = self._columns
        SerializedBaseOperator._load_operator_extra_links = columns.load_op_links
        return SerializedBaseOperator.deserialize_operator(columns.serialized_task(self._index))

    def _stock_copy(self) -> Any:
        """A shallow copy of the host's class."""
        stock = self._deserialized()
        own = vars(stock)
        for name in _NOT_FROM_DOCUMENT:
            own[name] = getattr(self, name)
        return stock

    def __getattr__(self, name: str) -> Any:
        # Reached for what no class attribute answers: template fields and keys that the host does not know.
        if not (name.startswith("__") and name.endswith("__")):
            columns = self._columns
            if columns.is_hot(name):
                value = columns.value(name, self._index, _decode)
                if value is not ABSENT:
                    return self.__dict__.setdefault(name, value)
            elif not self._is_populated and columns.may_have(name) and not _is_asked_in_vain(name, columns):
                self._populate()
                if name in self.__dict__:
                    return self.__dict__[name]
        raise AttributeError(f"'SerializedBaseOperator' object has no attribute {name!r}")

    def __copy__(self) -> Any:
        return self._stock_copy()

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return self._columns.stock_dag().get_task(self.task_id)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self._stock_copy().__reduce_ex__(protocol)

    def __eq__(self, other: object) -> bool:
        """The host's comparison of values; its own operators count as operators of the same class."""
        if self is other:
            return True
        if not (type(other) is SerializedBaseOperator or isinstance(other, CompactOperator)):
            return False
        return all(getattr(self, name, None) == getattr(other, name, None) for name in self._comps)

    def __hash__(self) -> int:
        """That of the host's operator with the same values."""
        parts: list[Any] = [SerializedBaseOperator]
        for name in self._comps:
            value = getattr(self, name, None)
            try:
                hash(value)
                parts.append(value)
            except TypeError:
                parts.append(repr(value))
        return hash(tuple(parts))

    # The graph, from index arrays instead of a walk. Results are the host's.

    @property
    def upstream_list(self) -> list[Any]:
        get_task = self._columns.dag.get_task
        return [get_task(task_id) for task_id in self.upstream_task_ids]

    @property
    def downstream_list(self) -> list[Any]:
        get_task = self._columns.dag.get_task
        return [get_task(task_id) for task_id in self.downstream_task_ids]

    def get_upstreams_only_setups(self) -> Any:
        """The relevant upstream setups; none in a DAG without setups, which is nearly all."""
        setups = self._columns.setups(self._index)
        return super().get_upstreams_only_setups() if setups is None else iter(setups)

    def iter_mapped_task_groups(self) -> Any:
        """The mapped groups around the task, innermost first; needs the tree only if there are any."""
        return (
            super().iter_mapped_task_groups() if self._columns.is_in_mapped_group(self._index) else iter(())
        )

    def get_parse_time_mapped_ti_count(self) -> int:
        """How many instances the groups around the task expand to.

        Raises:
            NotMapped: no group around it is mapped.
        """
        if not self._columns.is_in_mapped_group(self._index):
            raise NotMapped
        n_instances: int = self.get_closest_mapped_task_group().get_parse_time_mapped_ti_count()
        return n_instances


def new_operator(make: type[CompactOperator], columns: TaskColumns, index: int) -> CompactOperator:
    """The operator of one task. Not by the host's `__init__`: what it sets is computed when asked for."""
    operator = make.__new__(make)
    for name, value in (("_columns", columns), ("_index", index), ("_is_populated", False)):
        object.__setattr__(operator, name, value)
    return operator


# What the host sets after it has read the document.
_NOT_FROM_DOCUMENT = (
    "_dag",
    "task_group",
    "start_date",
    "end_date",
    "upstream_task_ids",
    "downstream_task_ids",
)
_ALWAYS_LAZY = frozenset(name for name, value in vars(CompactOperator).items() if isinstance(value, _Field))
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
    """What a class says about a name, without asking descriptors."""
    return next((vars(base)[name] for base in owner.__mro__ if name in vars(base)), _MISSING)


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
            fields[name] = _Default() if name in _MUTABLE else value
    names = set(cold)
    if load_op_links:
        names.add("_operator_extra_links")  # plugins add links to operators whose document has none
    for column in (hot | names) - {"label"}:
        attribute = _ATTRIBUTE_OF.get(column, column)
        if attribute not in _ALWAYS_LAZY and (
            attribute in _DEFAULTS or hasattr(SerializedBaseOperator, attribute)
        ):
            fields[attribute] = _Hot(column) if column in hot else _Cold()
    metaclass: Any = type(CompactOperator)
    made: type[CompactOperator] = metaclass("SerializedBaseOperator", (CompactOperator,), fields)
    return made

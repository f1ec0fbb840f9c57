"""Operators as flyweights over the columns of a compact DAG.

An instance is two references and keeps no field that a column has: a hot field is looked up there at every read,
decoded once for all tasks that share the value. The first read of any other field has the host deserialize that one
task from its restored document, so what the host's code makes of a field is what our operators have. Source: Airflow
3.3.2 serialization/serialized_objects.py `populate_operator`, `set_task_dag_references`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from airflow.exceptions import NotMapped
from airflow.serialization.definitions.baseoperator import DEFAULT_OPERATOR_DEPS, SerializedBaseOperator
from airflow.serialization.serialized_objects import (
    BaseSerialization,
    OperatorSerialization,
    _decode_priority_weight_strategy,
    _decode_start_trigger_args,
)
from airflow.ti_deps.deps.ready_to_reschedule import ReadyToRescheduleDep

from sched_cache.format import ABSENT
from sched_cache_airflow.task_columns import OWN, UNKNOWN, TaskColumns

_SENSOR_DEPS = DEFAULT_OPERATOR_DEPS | {ReadyToRescheduleDep()}
_MISSING = object()


def _decode(name: str, value: Any) -> Any:
    """The attribute's value, by the branch that `populate_operator` takes for `name`."""
    if name == "weight_rule":
        return _decode_priority_weight_strategy(value)
    if name == "retry_exponential_backoff":
        return float(value) if not isinstance(value, bool) else 2.0 if value else 0
    if name in ("inlets", "outlets", "executor_config") or name not in _SERIALIZED_FIELDS:
        return BaseSerialization.deserialize(value)
    return OperatorSerialization._deserialize_field_value(name, value)


_SERIALIZED_FIELDS = SerializedBaseOperator.get_serialized_fields()


class _Field:
    """A field that is computed at every read.

    It defines no `__set__`, so that the host can assign to the field and update `__dict__`, as it does.
    """

    __slots__ = ("name",)

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, task: CompactOperator | None, owner: type | None = None) -> Any:
        return getattr(SerializedBaseOperator, self.name) if task is None else self.compute(task)

    def compute(self, task: CompactOperator) -> Any:
        raise NotImplementedError


class _Kept(_Field):
    """A field that is computed at its first read and then stands in the instance's `__dict__`."""

    __slots__ = ()

    def __get__(self, task: CompactOperator | None, owner: type | None = None) -> Any:
        if task is None:
            return getattr(SerializedBaseOperator, self.name)
        # Of two threads that come first, both get the object of one: what can be changed must be the task's own.
        return task.__dict__.setdefault(self.name, self.compute(task))


class _Hot(_Field):
    """A field that is decoded from its column. `column`: its name in the document."""

    __slots__ = ("column",)

    def __init__(self, column: str) -> None:
        self.column = column

    def __get__(self, task: CompactOperator | None, owner: type | None = None) -> Any:
        if task is None:
            return getattr(SerializedBaseOperator, self.name)
        columns = task._columns
        try:
            table, codes = columns.shared[self.column]
            value = table[codes[task._index]]
        except KeyError:
            value = UNKNOWN
        if value is UNKNOWN:
            value = columns.make_shared(self.column, task._index, self.decode, self.default())
        if value is OWN:
            own = columns.value(self.column, task._index, _decode)
            return task.__dict__.setdefault(self.name, own)
        return value

    def decode(self, name: str, value: Any) -> Any:
        return _decode(name, value)

    def default(self) -> Any:
        """What a task has whose document lacks the field."""
        return getattr(SerializedBaseOperator, self.name, None)


class _Cold(_Kept):
    """A field that the host deserializes, together with all others of the task."""

    __slots__ = ()

    def compute(self, task: CompactOperator) -> Any:
        task._populate()
        value = task.__dict__.get(self.name, _MISSING)
        return getattr(SerializedBaseOperator, self.name) if value is _MISSING else value


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
    """A new set each time, filled in the order in which the host fills it, since the API shows that order."""

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


class _Deps(_Field):
    __slots__ = ()

    def compute(self, task: CompactOperator) -> Any:
        return _SENSOR_DEPS if task._columns.has("_is_sensor", task._index) else DEFAULT_OPERATOR_DEPS


class _Flag(_Hot):
    """A mark that a document carries only where it is set."""

    __slots__ = ()

    def decode(self, name: str, value: Any) -> bool:
        return bool(_decode(name, value))

    def default(self) -> bool:
        return False


class _StartTriggerArgs(_Kept):
    __slots__ = ()

    def compute(self, task: CompactOperator) -> Any:
        encoded = task._columns.raw(self.name, task._index)
        return _decode_start_trigger_args(encoded) if encoded is not ABSENT and encoded else None


class CompactOperator(SerializedBaseOperator):
    """One task that is not mapped. The DAG hands out the same object every time.

    The classes in use are subclasses that `operator_class` makes: a field that no task of a DAG has is not lazy
    there, but the host's class attribute.
    """

    __slots__ = ("_columns", "_index", "_is_populated")

    def __init__(self, columns: TaskColumns, index: int) -> None:
        # Not the host's __init__: what it sets is computed when asked for.
        self._columns = columns
        self._index = index
        self._is_populated = False

    task_id = property(lambda self: self._columns.task_ids[self._index])
    dag = _Dag()
    task_group = _TaskGroup()
    deps = _Deps()
    start_date = _Date("start_date")
    end_date = _Date("end_date")
    upstream_task_ids = _RelativeIds(is_upstream=True)
    downstream_task_ids = _RelativeIds(is_upstream=False)
    start_trigger_args = _StartTriggerArgs()
    start_from_trigger = _Flag("start_from_trigger")
    _is_empty = _Flag("_is_empty")
    _can_skip_downstream = _Flag("_can_skip_downstream")
    _needs_expansion = _Hot("_needs_expansion")
    _operator_name = _Hot("_operator_name")
    _BaseOperator__from_mapped = False

    def _populate(self) -> None:
        """Has the host deserialize this task, and keeps what it made of the fields not read so far."""
        if self._is_populated:
            return
        columns = self._columns
        OperatorSerialization._load_operator_extra_links = columns.load_op_links
        stock = OperatorSerialization.deserialize_operator(
            columns.serialized_task(self._index), columns.client_defaults
        )
        own = self.__dict__
        for name, value in vars(stock).items():
            if name not in _NOT_FROM_DOCUMENT:
                own.setdefault(name, value)
        self._is_populated = True

    def __getattr__(self, name: str) -> Any:
        # Reached for what no class attribute answers: template fields and keys that the host does not know.
        if not (name.startswith("__") and name.endswith("__")):
            columns = self._columns
            if columns.is_hot(name):
                value = columns.value(name, self._index, _decode)
                if value is not ABSENT:
                    return self.__dict__.setdefault(name, value)
            elif not self._is_populated and columns.may_have(name):
                self._populate()
                if name in self.__dict__:
                    return self.__dict__[name]
        return super().__getattr__(name)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return self._columns.stock_dag().get_task(self.task_id)

    @property
    def weight_rule(self) -> Any:
        """The strategy object. The host makes it anew from its name at every read."""
        rule = self._weight_rule
        return _strategy(rule) if isinstance(rule, str) else rule

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
        return super().get_upstreams_only_setups() if setups is None else setups

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
            raise NotMapped()
        n_instances: int = self.get_closest_mapped_task_group().get_parse_time_mapped_ti_count()
        return n_instances


@lru_cache(maxsize=64)
def _strategy(name: str) -> Any:
    return _decode_priority_weight_strategy(name)


# What the host sets after it has read the document, or what is lazy here in every class.
_NOT_FROM_DOCUMENT = frozenset(
    ("task_id", "upstream_task_ids", "downstream_task_ids", "start_date", "end_date", "dag")
)
_ALWAYS_LAZY = frozenset(name for name, value in vars(CompactOperator).items() if isinstance(value, _Field))
_ATTRIBUTE_OF = {"weight_rule": "_weight_rule", "_operator_extra_links": "operator_extra_links"}


@lru_cache(maxsize=256)
def operator_class(hot: frozenset[str], cold: frozenset[str], load_op_links: bool) -> type[CompactOperator]:
    """The class for DAGs whose tasks have these hot and cold columns: few, since DAGs are much alike."""
    lazy: dict[str, Any] = {"__slots__": ()}
    names = set(cold)
    if load_op_links:
        names.add("_operator_extra_links")  # plugins add links to operators whose document has none
    for name in hot - _ALWAYS_LAZY:
        attribute = _ATTRIBUTE_OF.get(name, name)
        if hasattr(SerializedBaseOperator, attribute):
            lazy[attribute] = _Hot(name)
    for name in names - _ALWAYS_LAZY:
        attribute = _ATTRIBUTE_OF.get(name, name)
        if hasattr(SerializedBaseOperator, attribute):
            lazy[attribute] = _Cold()
    # The host's name, since its messages and logs show the name of the class.
    return type("SerializedBaseOperator", (CompactOperator,), lazy)

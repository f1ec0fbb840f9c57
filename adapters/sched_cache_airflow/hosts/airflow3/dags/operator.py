"""Operators as flyweights over the columns of a compact DAG.

An instance has two references and no field that is a column: each read of a hot field looks it up in the column, where
it is decoded once for all tasks that share the value. At the first read of any other field, the host deserializes that
one task from its restored document, so the fields of our operators are equal to those of the host's. Source:
Airflow 3.3.2 serialization/serialized_objects.py `populate_operator`, `set_task_dag_references`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from airflow.exceptions import NotMapped
from airflow.serialization.serialized_objects import BaseSerialization
from airflow.ti_deps.deps.ready_to_reschedule import ReadyToRescheduleDep
from airflow.version import version as airflow_version

from sched_cache.format import ABSENT
from sched_cache_airflow.dags.column_operator import (
    ColumnOperator,
    always_lazy,
    dict_of_instances,
    lazy_columns,
)
from sched_cache_airflow.dags.operator_fields import Field, Flag, Hot, OfDag
from sched_cache_airflow.dags.task_columns import TaskColumns
from sched_cache_airflow.dags.task_fields import TaskFields
from sched_cache_airflow.hosts.airflow3.dags.serialization import (
    DEFAULT_OPERATOR_DEPS,
    HAS_BACK_OFF_FACTOR,
    OperatorSerialization,
    SerializedBaseOperator,
    decode_priority_weight_strategy,
    decode_start_trigger_args,
)

_SENSOR_DEPS = DEFAULT_OPERATOR_DEPS | {ReadyToRescheduleDep()}
_SERIALIZED_FIELDS = SerializedBaseOperator.get_serialized_fields()


class _Fields(TaskFields):
    """The decoding of fields by Airflow 3."""

    host_class = SerializedBaseOperator
    release = f"airflow {airflow_version}"

    @property
    def loads_links(self) -> bool:
        """The host's switch for operator links in this process."""
        return bool(OperatorSerialization._load_operator_extra_links)

    def deserialize(self, value: Any) -> Any:
        return BaseSerialization.deserialize(value)

    def params(self, value: Any) -> Any:
        return OperatorSerialization._deserialize_params_dict(value)

    def partial_kwargs(self, value: Any) -> Any:
        return OperatorSerialization._deserialize_partial_kwargs(value)

    def are_links_portable(self, links: Any) -> bool:
        """Names to names, which become objects of the host's own class."""
        return isinstance(links, dict) and all(type(key) is str for key in links.values())

    def decode(self, name: str, value: Any) -> Any:
        """By the branch that `populate_operator` takes for `name`."""
        if name == "weight_rule":
            return decode_priority_weight_strategy(value)
        if name == "retry_exponential_backoff" and HAS_BACK_OFF_FACTOR:
            return float(value) if not isinstance(value, bool) else 2.0 if value else 0
        if name in ("inlets", "outlets", "executor_config") or name not in _SERIALIZED_FIELDS:
            return BaseSerialization.deserialize(value)
        return OperatorSerialization._deserialize_field_value(name, value)

    def default(self, name: str) -> Any:
        """The class attribute."""
        return getattr(SerializedBaseOperator, name, None)

    def is_own(self, name: str) -> bool:
        """None: the host's operators share them."""
        return False

    def decode_start_trigger_args(self, value: Any) -> Any:
        return decode_start_trigger_args(value)


class _Deps(Field):
    __slots__ = ()

    def compute(self, task: Any) -> Any:
        return _SENSOR_DEPS if task._columns.has("_is_sensor", task._index) else DEFAULT_OPERATOR_DEPS


_own_dict = dict_of_instances(SerializedBaseOperator)


class CompactOperator(ColumnOperator, SerializedBaseOperator):
    """One task that is not mapped. The DAG returns the same object every time.

    The classes in use are subclasses that `operator_class` makes: a field that no task of a DAG has is not lazy
    there, but the host's class attribute.
    """

    __slots__ = ("_columns", "_index", "_is_populated")

    __dict__ = ColumnOperator.every_attribute

    _fields_of_host = _Fields()
    _set_by_dag = ("dag", "task_group")
    _not_mapped = NotMapped

    def __init__(self, columns: TaskColumns, index: int) -> None:
        # The host's __init__ is not called, because its attributes are computed on access.
        self._columns = columns
        self._index = index
        self._is_populated = False

    dag = OfDag()
    deps = _Deps()
    _can_skip_downstream = Flag("_can_skip_downstream")
    _needs_expansion = Hot("_needs_expansion")
    _operator_name = Hot("_operator_name")
    _BaseOperator__from_mapped = False

    def own(self) -> dict[str, Any]:
        """The current attributes of the instance."""
        own: dict[str, Any] = _own_dict(self)
        return own

    def _populate(self) -> None:
        """Lets the host deserialize this task, and keeps the fields that were not read so far."""
        if self._is_populated:
            return
        columns = self._columns
        OperatorSerialization._load_operator_extra_links = columns.load_op_links
        stock = OperatorSerialization.deserialize_operator(
            columns.serialized_task(self._index), columns.client_defaults
        )
        own = self.own()
        for name, value in vars(stock).items():
            if name not in _NOT_FROM_DOCUMENT:
                own.setdefault(name, value)
        self._is_populated = True

    def __getattr__(self, name: str) -> Any:
        # Called for names without a class attribute: template fields and keys that the host does not know.
        if not (name.startswith("__") and name.endswith("__")):
            columns = self._columns
            if columns.is_hot(name):
                value = columns.value(name, self._index, self._fields_of_host.decode)
                if value is not ABSENT:
                    return self.own().setdefault(name, value)
            elif not self._is_populated and columns.may_have(name):
                self._populate()
                if name in self.own():
                    return self.own()[name]
        return super().__getattr__(name)

    @property
    def weight_rule(self) -> Any:
        """The strategy object. The host creates it from its name at every read."""
        rule = self._weight_rule
        return _strategy(rule) if isinstance(rule, str) else rule


@lru_cache(maxsize=64)
def _strategy(name: str) -> Any:
    return decode_priority_weight_strategy(name)


# Fields that the host sets after it has read the document, and fields that are lazy in every class here.
_NOT_FROM_DOCUMENT = frozenset(
    ("task_id", "upstream_task_ids", "downstream_task_ids", "start_date", "end_date", "dag")
)
_ALWAYS_LAZY = always_lazy(CompactOperator)
_ATTRIBUTE_OF = {"weight_rule": "_weight_rule", "_operator_extra_links": "operator_extra_links"}


@lru_cache(maxsize=256)
def operator_class(hot: frozenset[str], cold: frozenset[str], load_op_links: bool) -> type[CompactOperator]:
    """The class for DAGs whose tasks have these hot and cold columns: few, since DAGs are much alike."""
    # The host's name and module, since its messages and logs show them.
    lazy: dict[str, Any] = {"__slots__": (), "__module__": SerializedBaseOperator.__module__}
    columns = lazy_columns(hot, cold, load_op_links, _ATTRIBUTE_OF)
    lazy.update(
        (attribute, field)
        for attribute, field in columns
        if attribute not in _ALWAYS_LAZY and hasattr(SerializedBaseOperator, attribute)
    )
    return type("SerializedBaseOperator", (CompactOperator,), lazy)

"""The host's DAG object over a compact DAG.

Nothing is deserialized until it is read: hot fields together at the first read of one, cold fields together at the
first read of one of those, operators one by one, the tree of task groups as a whole. Each time the host's own code
deserializes a document that holds just that. Source: Airflow 2.11.2 serialization/serialized_objects.py
`SerializedDAG.deserialize_dag`.
"""

from __future__ import annotations

import sys
from threading import RLock
from time import monotonic
from typing import Any

from airflow.exceptions import TaskNotFound
from airflow.serialization.serialized_objects import (
    SerializedBaseOperator,
    SerializedDAG,
    TaskGroupSerialization,
    _ExpandInputRef,
)
from airflow.utils import timezone

from sched_cache.format import CompactDag
from sched_cache_airflow.airflow2.operator import new_operator, operator_class
from sched_cache_airflow.renewal import is_due
from sched_cache_airflow.task_columns import TaskColumns

READABLE_VERSIONS = (1,)
"""Serialization versions whose documents the host reads."""

# With what the host's own path reads of each, two sets among it: see tests/airflow2/figures.
_BYTES_PER_OPERATOR = 140
_BYTES_PER_DAG = 5_000


class CompactSerializedDAG(SerializedDAG):
    """A `SerializedDAG` whose attributes come from a compact DAG when they are first read. Safe for threads."""

    def __init__(self, compact: CompactDag, load_op_links: bool) -> None:
        # Not the host's __init__: its defaults would stand in the way of what is read later.
        self.compact = compact
        self._columns = TaskColumns(compact, self, load_op_links)
        self._operators: dict[int, Any] = {}
        self._lock = RLock()
        self._made_at = monotonic()
        self._dag_id = compact.dag_id
        self.last_loaded = timezone.utcnow()

    def __getattr__(self, name: str) -> Any:
        own = self.__dict__
        if not name.startswith("__") and "_lock" in own:
            with self._lock:
                if name == "task_dict":
                    self._build_task_dict()
                    if "_task_group" not in own and any(self.compact.column("_is_mapped")):
                        # A mapped operator has no lazy fields: whoever gets it this way finds its group there.
                        self._build_task_group()
                elif name == "_task_group":
                    self._build_task_group()
                elif name in self.compact.cold_field_names:
                    self._add_cold_fields()
                elif "timetable" not in own:
                    self._add_hot_fields()
            if name in own:
                return own[name]
        raise AttributeError(f"'SerializedDAG' object has no attribute {name!r}")

    # Fields

    def _add_hot_fields(self) -> None:
        """Adds every field of the DAG but the cold ones, those with the host's default included."""
        cold, hot = self.compact.cold_field_names, self.compact.hot_fields()
        if (
            "timezone" in cold and "timetable" not in hot
        ):  # the host makes it from the schedule and the timezone
            hot = {**hot, "timezone": self.compact.serialized_fields()["timezone"]}
        for name, value in _deserialize({**hot, "_dag_id": self._dag_id}).items():
            if name not in cold and name not in _NOT_FIELDS:
                self.__dict__.setdefault(name, value)

    def _add_cold_fields(self) -> None:
        cold = self.compact.cold_field_names
        document = {name: value for name, value in self.compact.serialized_fields().items() if name in cold}
        for name in _NOT_FIELDS:
            document.pop(name, None)
        stock = _deserialize({**document, "_dag_id": self._dag_id})
        for name in cold - _NOT_FIELDS:
            if name in stock:
                self.__dict__.setdefault(name, stock[name])

    # Operators

    def has_task(self, task_id: str) -> bool:
        """Whether the DAG has the task; makes no operator."""
        try:
            self.compact.index(task_id)
        except (KeyError, TypeError):
            return False
        return True

    def get_task(self, task_id: str, include_subdags: bool = False) -> Any:
        """The operator of `task_id`, the same object every time.

        Raises:
            TaskNotFound: the DAG has no such task.
        """
        try:
            index = self.compact.index(task_id)
        except (KeyError, TypeError):
            raise TaskNotFound(f"Task {task_id} not found") from None
        operator = self._operators.get(index)
        return self._make_operator(index) if operator is None else operator

    @property
    def task_ids(self) -> list[str]:
        """The names of all tasks, in the document's order."""
        return list(self.compact.task_ids)

    @property
    def subdags(self) -> list[Any]:
        """None: a DAG with subdags stays on the host's own path."""
        return []

    def _make_operator(self, index: int) -> Any:
        columns = self._columns
        if self.compact.value(index, "_is_mapped"):
            with self._lock:
                self._build_task_dict()
                self.task_group  # noqa: B018  # a mapped operator has no lazy fields: it gets its group now
            return self._operators[index]
        make = operator_class(columns.hot_names, columns.cold_names, columns.load_op_links)
        return self._operators.setdefault(index, new_operator(make, columns, index))

    def _build_task_dict(self) -> None:
        if "task_dict" in self.__dict__:
            return
        columns, operators = self._columns, self._operators
        make = operator_class(columns.hot_names, columns.cold_names, columns.load_op_links)
        mapped = []
        for index, is_mapped in enumerate(self.compact.column("_is_mapped")):
            if is_mapped:
                mapped.append(index)
                operators[index] = self._deserialize_mapped(index)
            elif index not in operators:
                operators[index] = new_operator(make, columns, index)
        self.task_dict = {task_id: operators[index] for index, task_id in enumerate(self.compact.task_ids)}
        for index in mapped:
            self._refer_mapped(operators[index], index)

    def _deserialize_mapped(self, index: int) -> Any:
        SerializedBaseOperator._load_operator_extra_links = self._columns.load_op_links
        return SerializedBaseOperator.deserialize_operator(self._columns.serialized_task(index))

    def _refer_mapped(self, operator: Any, index: int) -> None:
        """What the host's `set_task_dag_references` does for one operator, its neighbours left alone."""
        operator.dag = self
        for name in ("start_date", "end_date"):
            if getattr(operator, name, None) is None:
                setattr(operator, name, getattr(self, name, None))
        for name in ("expand_input", "op_kwargs_expand_input"):
            reference = getattr(operator, name, None)
            if isinstance(reference, _ExpandInputRef):
                setattr(operator, name, reference.deref(self))
        operator.upstream_task_ids.update(self._columns.relative_ids(index, is_upstream=True))

    # Task groups

    def _build_task_group(self) -> None:
        """Has the host build the whole tree, which also assigns every operator its group."""
        self._build_task_dict()
        encoded = self.compact.serialized_fields().get("_task_group")
        if encoded is None:
            stock = _deserialize({"_dag_id": self._dag_id})
            tree = stock["_task_group"]
            tree.dag = self
            for operator in self.task_dict.values():
                tree.add(operator)
        else:
            tree = TaskGroupSerialization.deserialize_task_group(encoded, None, self.task_dict, self)
        self._task_group = tree

    # Whole copies

    def stock_copy(self) -> SerializedDAG:
        """The DAG as the host deserializes it, its own objects throughout. As slow as on stock."""
        SerializedDAG._load_operator_extra_links = self._columns.load_op_links
        return SerializedDAG.from_dict(self.compact.to_serialized())

    def partial_subset(self, *args: Any, **kwargs: Any) -> SerializedDAG:
        """The host's subset, cut from a stock copy: it deep-copies and changes what it cuts."""
        return self.stock_copy().partial_subset(*args, **kwargs)

    def __deepcopy__(self, memo: dict[int, Any]) -> SerializedDAG:
        return self.stock_copy()

    def __reduce__(self) -> Any:
        return SerializedDAG.from_dict, (self.compact.to_serialized(),)

    def renewed(self) -> CompactSerializedDAG:
        """The same DAG without its operators, for who asks from now on; itself while they are few or young."""
        own = self.__dict__
        if not is_due(self._made_at, len(self._operators), "_task_group" in own):
            return self
        dag = CompactSerializedDAG(self.compact, self._columns.load_op_links)
        dag.__dict__.update(
            (name, value) for name, value in own.copy().items() if name not in _OF_THIS_OBJECT
        )
        return dag

    @property
    def nbytes(self) -> int:
        """Resident bytes by now, as far as they can be told without walking the host's objects."""
        operators = _BYTES_PER_OPERATOR * len(self._operators) + sys.getsizeof(self._operators)
        return self.compact.nbytes + _BYTES_PER_DAG + operators


def _deserialize(fields: dict[str, Any]) -> dict[str, Any]:
    """The attributes of the DAG that the host makes of `fields`, without tasks."""
    attributes: dict[str, Any] = vars(SerializedDAG.deserialize_dag({**fields, "tasks": []}))
    return attributes


def dag_of_compact(compact: CompactDag, *, load_op_links: bool) -> CompactSerializedDAG | None:
    """The host's object for `compact`; None for a document that only the host's own path reads.

    Those have subdags, or names of fields that the host rewrites.
    """
    if compact.outer("__version") not in READABLE_VERSIONS:
        return None
    names = compact.hot_column_names | compact.cold_column_names
    if names & _LEFT_TO_THE_HOST or "tasks" in compact.cold_field_names:
        return None
    if "SubDagOperator" in compact.column("_task_type"):
        return None
    return CompactSerializedDAG(compact, load_op_links)


_LEFT_TO_THE_HOST = frozenset(("subdag", "_is_dummy", "_downstream_task_ids"))
_OF_THIS_OBJECT = frozenset(("_columns", "_operators", "_lock", "_made_at", "task_dict", "_task_group"))
_NOT_FIELDS = frozenset(("_dag_id", "task_dict", "_task_group", "last_loaded"))

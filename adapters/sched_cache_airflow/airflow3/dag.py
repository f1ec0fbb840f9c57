"""The host's DAG object over a compact DAG.

Nothing is deserialized until it is read: hot fields together at the first read of one, cold fields together at the
first read of one of those, operators one by one, the tree of task groups as a whole. Each time the host's own code
deserializes a document that holds just that. Source: Airflow 3.3.2 serialization/serialized_objects.py
`_deserialize_dag_internal`.
"""

from __future__ import annotations

import sys
from threading import RLock
from time import monotonic
from typing import Any

from airflow._shared.timezones.timezone import utcnow
from airflow.exceptions import TaskNotFound
from airflow.serialization.definitions.dag import SerializedDAG
from airflow.serialization.serialized_objects import (
    DagSerialization,
    OperatorSerialization,
    TaskGroupSerialization,
    _ExpandInputRef,
)

from sched_cache.format import CompactDag
from sched_cache_airflow.airflow3.operator import operator_class
from sched_cache_airflow.renewal import is_due
from sched_cache_airflow.task_columns import TaskColumns

READABLE_VERSIONS = (2, 3)
"""Serialization versions whose documents the host reads as they are; version 1 it rewrites first."""

_own_dict = SerializedDAG.__dict__["__dict__"].__get__
# Of one whose cold fields nobody has read.
_BYTES_PER_OPERATOR = 120
_BYTES_PER_DAG = 3_000


class CompactSerializedDAG(SerializedDAG):
    """A `SerializedDAG` whose attributes come from a compact DAG when they are first read. Safe for threads."""

    __slots__ = ("_columns", "_is_complete", "_lock", "_made_at", "_operators", "compact")

    def __init__(self, compact: CompactDag, load_op_links: bool) -> None:
        # Not the host's __init__: its defaults would stand in the way of what is read later.
        self.compact = compact
        self._columns = TaskColumns(compact, self, load_op_links)
        self._operators: dict[int, Any] = {}
        self._lock = RLock()
        self._is_complete = False
        self._made_at = monotonic()
        own = _own_dict(self)
        own["dag_id"] = compact.dag_id
        own["last_loaded"] = utcnow()

    @property
    def __dict__(self) -> dict[str, Any]:  # type: ignore[override]
        """Every attribute: the host's API copies them all. Plain attribute access does not come through here."""
        own: dict[str, Any] = _own_dict(self)
        if hasattr(self, "_is_complete") and not self._is_complete:
            self._complete()
        return own

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in CompactSerializedDAG.__slots__:
            raise AttributeError(f"'SerializedDAG' object has no attribute {name!r}")
        own = _own_dict(self)
        with self._lock:
            if name == "task_dict":
                self._build_task_dict(own)
                if "task_group" not in own and any(task.is_mapped for task in own["task_dict"].values()):
                    # A mapped operator has no lazy fields: whoever gets it this way finds its group there.
                    self._build_task_group(own)
            elif name == "task_group":
                self._build_task_group(own)
            elif name in self.compact.cold_field_names:
                self._add_cold_fields(own)
            elif "timetable" not in own:
                self._add_hot_fields(own)
        try:
            return own[name]
        except KeyError:
            raise AttributeError(f"'SerializedDAG' object has no attribute {name!r}") from None

    # Fields

    def _add_hot_fields(self, own: dict[str, Any]) -> None:
        """Adds every field of the DAG but the cold ones, those with the host's default included."""
        elsewhere = self.compact.cold_field_names | _NOT_FIELDS
        stock = _deserialize({**self.compact.hot_fields(), "dag_id": self.compact.dag_id})
        for name, value in stock.items():
            if name not in elsewhere:
                own.setdefault(name, value)

    def _add_cold_fields(self, own: dict[str, Any]) -> None:
        cold = self.compact.cold_field_names
        document = {name: value for name, value in self.compact.serialized_fields().items() if name in cold}
        for name in _NOT_FIELDS:
            document.pop(name, None)
        stock = _deserialize({**document, "dag_id": self.compact.dag_id})
        for name in cold - _NOT_FIELDS:
            if name in stock:
                own.setdefault(name, stock[name])

    def _complete(self) -> None:
        own = _own_dict(self)
        with self._lock:
            self._add_hot_fields(own)
            self._add_cold_fields(own)
            if "task_group" not in own:
                self._build_task_group(own)
            self._is_complete = True

    # Operators

    def has_task(self, task_id: str) -> bool:
        """Whether the DAG has the task; makes no operator."""
        try:
            self.compact.index(task_id)
        except (KeyError, TypeError):
            return False
        return True

    def get_task(self, task_id: str) -> Any:
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

    def _make_operator(self, index: int) -> Any:
        columns = self._columns
        if self.compact.value(index, "_is_mapped"):
            with self._lock:
                self._build_task_dict(_own_dict(self))
                self.task_group  # noqa: B018  # a mapped operator has no lazy fields: it gets its group now
            return self._operators[index]
        make = operator_class(columns.hot_names, columns.cold_names, columns.load_op_links)
        return self._operators.setdefault(index, make(columns, index))

    def _build_task_dict(self, own: dict[str, Any]) -> None:
        if "task_dict" in own:
            return
        columns, operators = self._columns, self._operators
        make = operator_class(columns.hot_names, columns.cold_names, columns.load_op_links)
        mapped = []
        for index, is_mapped in enumerate(self.compact.column("_is_mapped")):
            if is_mapped:
                mapped.append(index)
                operators[index] = self._deserialize_mapped(index)
            elif index not in operators:
                operators[index] = make(columns, index)
        own["task_dict"] = {task_id: operators[index] for index, task_id in enumerate(self.compact.task_ids)}
        for index in mapped:
            self._refer_mapped(operators[index], index)

    def _deserialize_mapped(self, index: int) -> Any:
        OperatorSerialization._load_operator_extra_links = self._columns.load_op_links
        document = self._columns.serialized_task(index)
        return OperatorSerialization.deserialize_operator(document, self._columns.client_defaults)

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

    def _build_task_group(self, own: dict[str, Any]) -> None:
        """Has the host build the whole tree, which also assigns every operator its group."""
        self._build_task_dict(own)
        encoded = self.compact.serialized_fields().get("task_group")
        if encoded is None:
            stock = _deserialize({"dag_id": self.compact.dag_id})
            tree = stock["task_group"]
            tree.dag = self
            for operator in own["task_dict"].values():
                tree.add(operator)
        else:
            tree = TaskGroupSerialization.deserialize_task_group(encoded, None, own["task_dict"], self)
        own["task_group"] = tree

    # Whole copies

    def stock_copy(self) -> SerializedDAG:
        """The DAG as the host deserializes it, its own objects throughout. As slow as on stock."""
        DagSerialization._load_operator_extra_links = self._columns.load_op_links
        return DagSerialization.from_dict(self.compact.to_serialized())

    def partial_subset(self, *args: Any, **kwargs: Any) -> SerializedDAG:
        """The host's subset, cut from a stock copy: it deep-copies and changes what it cuts."""
        return self.stock_copy().partial_subset(*args, **kwargs)

    def __deepcopy__(self, memo: dict[int, Any]) -> SerializedDAG:
        return self.stock_copy()

    def __reduce__(self) -> Any:
        return DagSerialization.from_dict, (self.compact.to_serialized(),)

    def renewed(self) -> CompactSerializedDAG:
        """The same DAG without its operators, for who asks from now on; itself while they are few or young."""
        own = _own_dict(self)
        if not is_due(self._made_at, len(self._operators), "task_group" in own):
            return self
        dag = CompactSerializedDAG(self.compact, self._columns.load_op_links)
        _own_dict(dag).update((name, value) for name, value in own.copy().items() if name not in _OF_TASKS)
        return dag

    @property
    def nbytes(self) -> int:
        """Resident bytes by now, as far as they can be told without walking the host's objects."""
        operators = _BYTES_PER_OPERATOR * len(self._operators) + sys.getsizeof(self._operators)
        return self.compact.nbytes + _BYTES_PER_DAG + operators


def _deserialize(fields: dict[str, Any]) -> dict[str, Any]:
    """The attributes of the DAG that the host makes of `fields`, without tasks."""
    attributes: dict[str, Any] = vars(DagSerialization.deserialize_dag({**fields, "tasks": []}))
    return attributes


def dag_of_compact(compact: CompactDag, *, load_op_links: bool) -> CompactSerializedDAG | None:
    """The host's object for `compact`; None for a document that only the host's own path reads.

    Those are version 1, which the host rewrites before reading, and field names of older releases.
    """
    if compact.outer("__version") not in READABLE_VERSIONS:
        return None
    names = compact.hot_column_names | compact.cold_column_names
    if names & _LEGACY_NAMES or "tasks" in compact.cold_field_names:
        return None
    return CompactSerializedDAG(compact, load_op_links)


_LEGACY_NAMES = frozenset(
    (
        "task_display_name",
        "_task_type",
        "_outlets",
        "_inlets",
        "on_execute_callback",
        "on_failure_callback",
        "on_retry_callback",
        "on_skipped_callback",
        "on_success_callback",
    )
)
_OF_TASKS = frozenset(("task_dict", "task_group"))
_NOT_FIELDS = frozenset(("dag_id", "task_dict", "task_group", "last_loaded"))

"""The common part of the DAG objects of both hosts: no part of a compact DAG is deserialized before it is read.

The first read of a hot field deserializes all hot fields, the first read of a cold field all cold ones. Operators are
created one by one, the tree of task groups as a whole. Each time, the host's own code deserializes a document that
contains only these parts.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from operator import itemgetter
from threading import RLock, get_ident
from time import monotonic
from typing import TYPE_CHECKING, Any, ClassVar
from weakref import ref

from sched_cache import fork
from sched_cache.format import CompactDag
from sched_cache_airflow.dags.column_operator import ColumnOperator
from sched_cache_airflow.dags.operator_expiry import is_due
from sched_cache_airflow.dags.task_columns import TaskColumns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from typing_extensions import Self


class _Changes:
    """The DAG objects that threads of this process are completing now, or wait to complete."""

    def __init__(self) -> None:
        self.by_thread: dict[int, list[ColumnDag]] = {}

    def reset_after_fork(self) -> None:
        """Resets the objects that threads of the parent have completed only in part."""
        others = self.by_thread.items()
        for dag in [dag for thread, dags in others if thread != get_ident() for dag in dags]:
            dag.take_back()
        self.by_thread = {thread: dags for thread, dags in others if thread == get_ident()}


_changes = _Changes()


class ColumnDag:
    """A mixin that precedes the host's class in the bases. Safe for threads."""

    __slots__ = (
        "_assigned",
        "_columns",
        "_is_complete",
        "_lock",
        "_made_at",
        "_operators",
        "_pickled",
        "compact",
    )

    _host_class: ClassVar[type[Any]]
    _not_found: ClassVar[type[Exception]]
    """The error of the host for a task that the DAG does not have."""
    _reference: ClassVar[type[Any]]
    """The placeholder for an expansion's input until its DAG is set."""
    _id_field: ClassVar[str]
    _tree_field: ClassVar[str]
    _bytes_per_dag: ClassVar[int]
    _bytes_per_operator: ClassVar[int]
    """The memory of an operator whose cold fields were not read."""

    # What differs between the hosts

    def _own(self) -> dict[str, Any]:
        """The current attributes of the instance."""
        raise NotImplementedError

    def _deserialize(self, fields: dict[str, Any]) -> dict[str, Any]:
        """The attributes of the DAG that the host makes of a document without tasks."""
        raise NotImplementedError

    def _operator_maker(self) -> Callable[[int], Any]:
        """A function that creates the operator of a task that is not mapped, by index."""
        raise NotImplementedError

    def _deserialize_task(self, document: dict[str, Any]) -> Any:
        """The host's own operator of a task's document, which knows neither DAG nor neighbours."""
        raise NotImplementedError

    def _deserialize_tree(self, encoded: Any, operators: dict[str, Any], dag: Any = None) -> Any:
        """The host's tree of task groups, which assigns every operator its group. `dag`: in place of this one."""
        raise NotImplementedError

    def stock_copy(self) -> Any:
        """The DAG of the document, made only of objects of the host. As slow as on stock."""
        raise NotImplementedError

    # Fields

    def _start(self, compact: CompactDag, load_op_links: bool, loaded_at: Any) -> None:
        # The host's __init__ is not called, because its defaults would hide the fields that are read later.
        self.compact = compact
        self._assigned: frozenset[str] = frozenset()
        self._pickled: ref[Any] | None = None
        self._is_complete = False
        self._columns = TaskColumns(compact, self, load_op_links)
        self._operators: dict[int, Any] = {}
        self._lock = RLock()
        self._made_at = monotonic()
        own = self._own()
        own[self._id_field] = compact.dag_id
        own["last_loaded"] = loaded_at

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Held while the instance is completed, by one thread at a time."""
        if not _changes.by_thread:
            fork.register(_changes)
        mine = _changes.by_thread.setdefault(get_ident(), [])
        mine.append(self)
        try:
            with self._lock:
                yield
        finally:
            mine.pop()
            if not mine:
                _changes.by_thread.pop(get_ident(), None)

    def take_back(self) -> None:
        """Lets everything with several steps start again, because the thread that did them does not exist here."""
        own = self._own()
        self._lock = RLock()
        self._is_complete = False
        # A field that is there is complete. `timetable` tells whether all hot fields are there.
        for name in ("timetable", "task_dict", self._tree_field):
            own.pop(name, None)
        for index, is_mapped in enumerate(self.compact.column("_is_mapped")):
            if is_mapped:
                self._operators.pop(index, None)

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name not in ColumnDag.__slots__:
            self._assigned = self._assigned | {name}

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in ColumnDag.__slots__:
            raise AttributeError(f"'SerializedDAG' object has no attribute {name!r}")
        own = self._own()
        with self._changing():
            if name == "task_dict":
                self._build_task_dict(own)
                if self._tree_field not in own and any(self.compact.column("_is_mapped")):
                    # A mapped operator has no lazy fields: code that gets it this way finds its group there.
                    self._build_tree(own)
            elif name == self._tree_field:
                self._build_tree(own)
            elif name in self.compact.cold_field_names:
                self._add_cold_fields(own)
            elif "timetable" not in own:
                self._add_hot_fields(own)
        try:
            return own[name]
        except KeyError:
            raise AttributeError(f"'SerializedDAG' object has no attribute {name!r}") from None

    @property
    def every_attribute(self) -> dict[str, Any]:
        """All attributes of the instance, completed. Each host's class names this `__dict__` in its body, in place of
        the interpreter's own, because the host's APIs copy it. Attribute access does not use it.
        """
        own = self._own()
        if not self._is_complete:
            self._complete(own)
        return own

    def _complete(self, own: dict[str, Any]) -> None:
        with self._changing():
            self._add_hot_fields(own)
            self._add_cold_fields(own)
            if self._tree_field not in own:
                self._build_tree(own)
            self._is_complete = True

    def _not_fields(self) -> set[str]:
        return {self._id_field, self._tree_field, "task_dict", "last_loaded"}

    def _add_hot_fields(self, own: dict[str, Any]) -> None:
        """Adds every field of the DAG except the cold ones, including fields with the host's default."""
        elsewhere = self.compact.cold_field_names | self._not_fields()
        stock = self._deserialize({**self.compact.hot_fields(), self._id_field: self.compact.dag_id})
        for name, value in stock.items():
            if name not in elsewhere:
                own.setdefault(name, value)

    def read_hot_fields(self) -> None:
        """Deserializes the hot fields of the DAG, which the first read of one of them would do."""
        own = self._own()
        with self._changing():
            if "timetable" not in own:
                self._add_hot_fields(own)

    def _add_cold_fields(self, own: dict[str, Any]) -> None:
        names = self.compact.cold_field_names - self._not_fields()
        document = {name: value for name, value in self.compact.serialized_fields().items() if name in names}
        stock = self._deserialize({**document, self._id_field: self.compact.dag_id})
        for name in names:
            if name in stock:
                own.setdefault(name, stock[name])

    # Operators

    def has_task(self, task_id: str) -> bool:
        """Whether the DAG has the task. Creates no operator."""
        tasks = self._own().get("task_dict")
        try:
            if tasks is not None:
                return task_id in tasks
            self.compact.index(task_id)
        except (KeyError, TypeError):
            return False
        return True

    def get_task(self, task_id: str, include_subdags: bool = False) -> Any:
        """The operator of `task_id`, the same object every time.

        `include_subdags`: an argument of Airflow 2; a DAG with subdags stays on the host's own path.

        Raises:
            TaskNotFound, of the host: the DAG has no such task.
        """
        tasks = self._own().get("task_dict")
        try:
            if tasks is not None:  # which a caller may have changed
                return tasks[task_id]
            index = self.compact.index(task_id)
        except (KeyError, TypeError):
            raise self._not_found(f"Task {task_id} not found") from None
        operator = self._operators.get(index)
        return self._make_operator(index) if operator is None else operator

    @property
    def task_ids(self) -> list[str]:
        """The names of all tasks, in the document's order."""
        return list(self._own().get("task_dict") or self.compact.task_ids)

    def _make_operator(self, index: int) -> Any:
        if self.compact.value(index, "_is_mapped"):
            own = self._own()
            with self._changing():
                self._build_task_dict(own)
                if self._tree_field not in own:  # a mapped operator gets its group now
                    self._build_tree(own)
            return self._operators[index]
        return self._operators.setdefault(index, self._operator_maker()(index))

    def _build_task_dict(self, own: dict[str, Any]) -> None:
        if "task_dict" in own:
            return
        operators, make = self._operators, self._operator_maker()
        mapped = []
        for index, is_mapped in enumerate(self.compact.column("_is_mapped")):
            if is_mapped:
                mapped.append(index)
                operators[index] = self._deserialize_task(self._columns.serialized_task(index))
            elif index not in operators:
                operators[index] = make(index)
        own["task_dict"] = {task_id: operators[index] for index, task_id in enumerate(self.compact.task_ids)}
        for index in mapped:
            self._refer_mapped(operators[index], index)

    def _refer_mapped(self, operator: Any, index: int) -> None:
        """The effect of the host's `set_task_dag_references` on one operator, without its neighbours."""
        operator.dag = self
        for name in ("start_date", "end_date"):
            if getattr(operator, name, None) is None:
                setattr(operator, name, getattr(self, name, None))
        for name in ("expand_input", "op_kwargs_expand_input"):
            reference = getattr(operator, name, None)
            if isinstance(reference, self._reference):
                setattr(operator, name, reference.deref(self))
        operator.upstream_task_ids.update(self._columns.relative_ids(index, is_upstream=True))

    # Task groups

    def _build_tree(self, own: dict[str, Any]) -> None:
        self._build_task_dict(own)
        encoded = self.compact.serialized_fields().get(self._tree_field)
        if encoded is None:
            tree = self._deserialize({self._id_field: self.compact.dag_id})[self._tree_field]
            tree.dag = self
            for operator in own["task_dict"].values():
                tree.add(operator)
        else:
            tree = self._deserialize_tree(encoded, own["task_dict"])
        own[self._tree_field] = tree

    # Whole copies

    def changed_copy(self) -> Any:
        """The DAG as the host deserializes it, with what was assigned to this one and to its operators since."""
        return self._with_changes(self.stock_copy())

    def _with_changes(self, stock: Any) -> Any:
        own = self._own()
        vars(stock).update((name, own[name]) for name in self._assigned - self._not_fields() if name in own)
        for index, operator in list(self._operators.items()):
            if isinstance(operator, ColumnOperator):
                vars(stock.get_task(self.compact.task_ids[index])).update(operator.kept_values())
        return stock

    def partial_subset(self, *args: Any, **kwargs: Any) -> Any:
        """The host's subset of a stock copy, because the host deep-copies and changes the operators of a subset."""
        return self.changed_copy().partial_subset(*args, **kwargs)

    def __copy__(self) -> Any:
        """The host's own object, with the same operators and groups."""
        copied: Any = object.__new__(self._host_class)
        vars(copied).update(self.every_attribute)
        return copied

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return self.changed_copy()

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Pickles the host's own object, so that a process without the plugin can read the pickle."""
        return itemgetter(0), ((self.to_pickle(),),)

    def to_pickle(self) -> Any:
        """A stock copy. It is the same one during one pickle, so that a DAG and its tasks stay together."""
        with self._changing():
            stock = self._pickled() if self._pickled is not None else None
            if stock is None:
                stock = self.stock_copy()
                self._pickled = ref(stock)
        return self._with_changes(stock)

    def fresh(self) -> Self:
        """Another object over the same content, without any changes by users."""
        return type(self)(self.compact, self._columns.load_op_links)  # type: ignore[call-arg]  # the host's

    def renewed(self) -> Self:
        """The same DAG without its operators, for later callers; itself while operators are few or recent."""
        own = self._own()
        if not is_due(self._made_at, len(self._operators), self._tree_field in own):
            return self
        dag = type(self)(self.compact, self._columns.load_op_links)  # type: ignore[call-arg]  # the host's
        dag._assigned = self._assigned
        left = {self._tree_field, "task_dict"}
        dag._own().update((name, value) for name, value in own.copy().items() if name not in left)
        return dag

    @property
    def nbytes(self) -> int:
        """Current size in bytes, estimated without walking through the host's objects."""
        operators = self._bytes_per_operator * len(self._operators) + sys.getsizeof(self._operators)
        return self.compact.nbytes + self._bytes_per_dag + operators

"""The common data of the operators of one DAG: its columns, decoded values, and a reference to the DAG."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from sched_cache.format import ABSENT, Column, CompactDag

Decode = Callable[[str, Any], Any]
_IMMUTABLE_JSON = frozenset((str, int, float, bool, type(None)))

UNKNOWN: Final = object()
"""Marks a value in a table of decoded values that was not requested yet."""
OWN: Final = object()
"""Marks a value that is mutable, so that each task needs its own."""

_zeros = bytes(1024)
"""The codes of all columns that have one value, however many rows."""


def _codes_of(column: Column) -> Sequence[int]:
    global _zeros
    codes = column.codes
    if type(codes) is not bytes:
        return codes
    if len(codes) > len(_zeros):
        _zeros = bytes(2 * len(codes))
    return _zeros


class TaskColumns:
    """The columns of one compact DAG as its operators read them.

    dag: the host object that the operators belong to.
    load_op_links: whether operators get their extra links, which schedulers do without.
    shared: by field, decoded values, and for each task the index into them. Read in place by the fields of operators;
        `make_shared` fills it.
    """

    __slots__ = (
        "_compact",
        "_hot_names",
        "_mapped_groups",
        "_names",
        "client_defaults",
        "dag",
        "load_op_links",
        "shared",
    )

    def __init__(self, compact: CompactDag, dag: Any, load_op_links: bool) -> None:
        self._compact = compact
        self.dag = dag
        self.load_op_links = load_op_links
        self.client_defaults = compact.outer("client_defaults") or {}
        self._hot_names = compact.hot_column_names | self._default_names()
        self._names = self._hot_names | compact.cold_column_names
        self.shared: dict[str, tuple[list[Any], Sequence[int]]] = {}

    def _default_names(self) -> frozenset[str]:
        return frozenset(self.client_defaults.get("tasks", ()))

    @property
    def task_ids(self) -> tuple[str, ...]:
        """The names of all tasks, by index."""
        return self._compact.task_ids

    @property
    def hot_names(self) -> frozenset[str]:
        """The hot fields that at least one task has."""
        return self._hot_names

    @property
    def cold_names(self) -> frozenset[str]:
        """The cold fields that at least one task has."""
        return self._compact.cold_column_names

    def is_hot(self, name: str) -> bool:
        """Whether the answer for `name` needs no cold part."""
        return name in self._hot_names

    def may_have(self, name: str) -> bool:
        """Whether some task may have an attribute `name` beside those of the host's class.

        The host sets a template field to None if the document lacks it, so any name will do where there are any.
        """
        return name in self._names or "template_fields" in self._names

    def raw(self, name: str, index: int) -> Any:
        """The serialized value of a field: the task's own, else the document's default, else `ABSENT`."""
        value = self._compact.column(name)[index]
        return self.client_defaults.get("tasks", {}).get(name, ABSENT) if value is ABSENT else value

    def has(self, name: str, index: int) -> bool:
        """Whether the task has the field."""
        return self.raw(name, index) is not ABSENT

    def value(self, name: str, index: int, decode: Decode) -> Any:
        """The decoded value of a hot field, or `ABSENT`."""
        encoded = self.raw(name, index)
        return ABSENT if encoded is ABSENT else decode(name, encoded)

    def make_shared(self, name: str, index: int, decode: Decode, default: Any) -> Any:
        """The decoded value of a hot field, `default` for a task without it, kept in `shared` from now on.

        `OWN` is kept, and returned, for a value that could be changed.
        """
        found = self.shared.get(name)
        if found is None:
            column = self._compact.column(name)
            found = self.shared[name] = [UNKNOWN] * len(column.table), _codes_of(column)
        table, codes = found
        encoded = self.raw(name, index)
        value = default
        if encoded is not ABSENT:
            value = decode(name, encoded) if type(encoded) in _IMMUTABLE_JSON else OWN
        table[codes[index]] = value
        return value

    def relative_ids(self, index: int, is_upstream: bool) -> Iterator[str]:
        """The names of the direct relatives, in the order in which the host adds them."""
        task_ids = self._compact.task_ids
        row = self._compact.upstream(index) if is_upstream else self._compact.downstream(index)
        return (task_ids[other] for other in row)

    @property
    def has_setups(self) -> bool:
        """Whether a task may have a setup above it; True if that was not derived."""
        return self._compact.derived_value("has_setups") is not False

    def is_in_mapped_group(self, index: int) -> bool:
        """Whether a group around the task is mapped."""
        return self._compact.derived_column("mapped_group")[index] is not ABSENT

    def serialized_task(self, index: int) -> dict[str, Any]:
        """The document of one task, without the envelope. Needs the cold part."""
        return self.serialized_tasks([index])[0]

    def serialized_tasks(self, indices: Sequence[int]) -> list[dict[str, Any]]:
        """The documents of some tasks, without their envelopes. Needs the cold part."""
        documents = self._compact.serialized_tasks(indices)
        inner = [document.get("__var") for document in documents]
        return [
            own if isinstance(own, dict) else document for document, own in zip(documents, inner, strict=True)
        ]

    def stock_dag(self) -> Any:
        """The whole DAG as the host deserializes it: newly created objects of the host."""
        return self.dag.stock_copy()

"""The cold part, decoded: the fields that no scheduler reads, and how the document represents its structure."""

from __future__ import annotations

from typing import Any

from sched_cache.errors import FormatError
from sched_cache.format.columns import ABSENT, Column, constant_column, decode_column, packed_columns_in
from sched_cache.format.header import COLD, body_of
from sched_cache.format.messagepack import check_json, unpack
from sched_cache.format.resident import resident_bytes


class ColdPart:
    """Fields of the DAG, columns of its tasks, columns of its groups; columns are unpacked at first use."""

    __slots__ = ("_columns", "_n_tasks", "dag_fields", "group_columns", "shape")

    def __init__(self, sections: Any, n_tasks: int) -> None:
        if not (
            isinstance(sections, list) and len(sections) == 4 and all(isinstance(s, dict) for s in sections)
        ):
            raise FormatError("cold body is not four mappings")
        shape, dag_fields, columns, group_columns = sections
        check_json([dag_fields], "cold fields")
        self.shape: dict[str, Any] = shape
        self.dag_fields: dict[str, Any] = dag_fields
        self.group_columns: dict[str, Any] = group_columns
        self._columns: dict[str, bytes | Column] = packed_columns_in(columns, "cold tasks")
        self._n_tasks = n_tasks

    @property
    def column_names(self) -> list[str]:
        """The fields of tasks that are cold."""
        return list(self._columns)

    def column(self, name: str) -> Column:
        """One field of all tasks."""
        found = self._columns.get(name)
        if found is None:
            return constant_column(ABSENT, self._n_tasks)
        if isinstance(found, bytes):
            found = self._columns[name] = decode_column(found, self._n_tasks, name)
        return found

    def structure(self, name: str) -> Column:
        """One column of the shape, for all tasks. Without tasks, the shape has no columns.

        Raises:
            FormatError: there is no such column, or it does not fit the tasks.
        """
        if self._n_tasks == 0:
            return constant_column(ABSENT, 0)
        found = self.shape.get(name)
        if isinstance(found, bytes):
            found = self.shape[name] = decode_column(found, self._n_tasks, name)
        if not isinstance(found, Column):
            raise FormatError(f"shape has no column {name}")
        return found

    @property
    def nbytes(self) -> int:
        """Resident bytes of the columns unpacked so far."""
        columns = (*self._columns.values(), *self.shape.values())
        unpacked = sum(column.nbytes for column in columns if isinstance(column, Column))
        fixed = (self.shape, self.dag_fields, self.group_columns)
        return resident_bytes(self._columns) + unpacked + sum(map(resident_bytes, fixed)) + 100


def decode_cold(data: bytes, n_tasks: int) -> ColdPart:
    """The cold part in `data`, header included.

    Raises:
        FormatError: not a cold part that this reader knows, or damaged.
    """
    return ColdPart(unpack(body_of(data, COLD), "cold body"), n_tasks)

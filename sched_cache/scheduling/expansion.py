"""The tasks that need expansion, and the tasks over whose values they are mapped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any, Final

from sched_cache.format import ABSENT, CompactDag
from sched_cache.scheduling.effective import effective_column

_EXPAND_INPUTS: Final = ("expand_input", "op_kwargs_expand_input")


class Expansion:
    """The mapping of tasks according to the document, one value per task.

    is_mapped: whether the task itself is mapped. group_of: the closest mapped group, or `ABSENT`. is_needed: whether
    the task is mapped or in a mapped group. is_contradicted: whether `_needs_expansion`, which the host uses, has
    another value for some task.
    """

    __slots__ = ("_dag", "group_of", "is_contradicted", "is_mapped", "is_needed")

    def __init__(self, dag: CompactDag) -> None:
        self._dag = dag
        self.is_mapped = [bool(value) for value in effective_column(dag, "_is_mapped")]
        self.group_of = list(dag.derived_column("mapped_group"))
        self.is_needed = [
            is_mapped or group is not ABSENT
            for is_mapped, group in zip(self.is_mapped, self.group_of, strict=True)
        ]
        self.is_contradicted = any(
            flag is not ABSENT and bool(flag) != is_needed
            for flag, is_needed in zip(dag.column("_needs_expansion"), self.is_needed, strict=True)
        )

    def is_nested(self, index: int) -> bool:
        """Whether the task is mapped within a mapped group."""
        return self.is_mapped[index] and self.group_of[index] is not ABSENT

    def dependencies(self, index: int) -> Sequence[int]:
        """The tasks over whose values the task is mapped, by its own arguments or those of its group, ascending."""
        found: set[int] = set()
        for value in self._expand_inputs(index):
            for task_id in _references_in(value):
                with suppress(KeyError):  # a literal that looks like a reference
                    found.add(self._dag.index(task_id))
        return sorted(found)

    def _expand_inputs(self, index: int) -> list[Any]:
        group = self.group_of[index]
        if group is ABSENT:
            return [self._dag.value(index, name) for name in _EXPAND_INPUTS]
        groups = self._dag.groups()
        column = groups.columns.get("expand_input") if groups is not None else None
        return [column[group]] if column is not None else []


def _references_in(value: Any) -> Iterator[str]:
    """Every string under a key `task_id`: every reference to an XCom has one, in any wrapping."""
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            task_id = value.get("task_id")
            if isinstance(task_id, str):
                yield task_id
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)

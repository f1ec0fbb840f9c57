"""One field of all tasks as the host sees it."""

from __future__ import annotations

from typing import Any

from sched_cache.format import ABSENT, CompactDag

_PARTIAL = "partial_kwargs."


def effective_column(dag: CompactDag, name: str) -> list[Any]:
    """`dag.effective(index, name)` for every task, at the cost of reading two columns."""
    values = list(dag.column(name))
    if not any(value is ABSENT for value in values):
        return values
    partials = dag.column(_PARTIAL + name)
    default: Any = None
    for index, value in enumerate(values):
        if value is ABSENT:
            value = partials[index]
            if value is ABSENT:
                # Where neither is written the default of the document or the schema holds: one for all tasks.
                value = default = dag.effective(index, name) if default is None else default
            values[index] = value
    return values

"""One field of all tasks as the host sees it."""

from __future__ import annotations

from typing import Any

from sched_cache.format import ABSENT, CompactDag


def effective_column(dag: CompactDag, name: str) -> list[Any]:
    """`dag.effective(index, name)` for every task, at the cost of reading two columns."""
    values = list(dag.column(name))
    missing = [index for index, value in enumerate(values) if value is ABSENT]
    if not missing:
        return values
    partials = dag.column(f"partial_kwargs.{name}")
    unwritten = [index for index in missing if partials[index] is ABSENT]
    for index in missing:
        values[index] = partials[index]
    if unwritten:
        # The value from the document or the schema for a task without the field is the same for all such tasks.
        default = dag.effective(unwritten[0], name)
        for index in unwritten:
            values[index] = default
    return values

"""Rows of task instances by run and column, as a query brings them."""

from __future__ import annotations

from collections.abc import Collection
from itertools import groupby
from typing import Any, Final

from sched_cache_airflow.hosts.contract import RawRows

_ROWS_AT_ONCE: Final = 500


def rows_by_run(dag_run_ids: Collection[int], found: Any) -> dict[int, RawRows]:
    """The rows of each of these runs, in the order in which they come.

    Rows are taken in few at a time: ten thousand tuples at once would have the garbage collector walk through the
    whole process.

    Args:
        found: a result whose rows begin with the run's id, task id, map index and state; the id may come behind.
    """
    rows = {dag_run_id: RawRows() for dag_run_id in dag_run_ids}
    for part in found.partitions(_ROWS_AT_ONCE):
        run_ids, *columns = zip(*part, strict=True)
        start = 0
        for dag_run_id, same in groupby(run_ids):
            end = start + len(list(same))
            of_run = rows[dag_run_id]
            lists: list[Any] = [of_run.task_ids, of_run.map_indices, of_run.states, of_run.ids]
            for kept, column in zip(lists, columns, strict=False):
                kept.extend(column[start:end])
            start = end
    return rows

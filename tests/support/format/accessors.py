"""Everything a caller can ask of a decoded DAG, so that a test can say: none of it raises anything else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from sched_cache.errors import ColdPartMissingError, FormatError
from sched_cache.format import CompactDag, CompactTask

FIELDS = ("pool", "retries", "trigger_rule", "task_type", "max_active_tis_per_dag", "doc_md", "no such field")
DAG_FIELDS = ("timetable", "params", "doc_md", "no such field")
DERIVED = (
    "weight.downstream",
    "weight.upstream",
    "setups",
    "skip_parents",
    "group",
    "mapped_group",
    "simple",
)
DERIVED_VALUES = ("effective_leaves", "earliest_start", "latest_end")


def accessors(dag: CompactDag) -> Iterator[tuple[str, Callable[[], Any]]]:
    """(name, call) of every accessor; from "tasks" on, they make objects or rows for each task."""
    rows = range(dag.n_tasks)
    yield "repr", partial(repr, dag)
    yield "task_ids", lambda: dag.task_ids
    yield "index", lambda: [dag.index(task_id) for task_id in dag.task_ids]
    yield "upstream", lambda: [dag.upstream(row).tolist() for row in rows]
    yield "downstream", lambda: [dag.downstream(row).tolist() for row in rows]
    yield "names", lambda: (dag.hot_column_names, dag.cold_column_names, dag.cold_field_names)
    yield "outer", partial(dag.outer, "__version")
    yield "label", partial(dag.label, "host_hash")
    yield "cold_digest", lambda: dag.cold_digest
    yield "hot_fields", dag.hot_fields
    for name in DAG_FIELDS:
        yield f"field {name}", partial(dag.field, name)
    for name in FIELDS:
        yield f"column {name}", partial(_column, dag, name)
        yield f"value {name}", partial(_each, rows, dag.value, name)
        yield f"effective {name}", partial(_each, rows, dag.effective, name)
    for name in DERIVED:
        yield f"derived_column {name}", partial(_derived_column, dag, name)
    for name in DERIVED_VALUES:
        yield f"derived_value {name}", partial(dag.derived_value, name)
    yield "groups", dag.groups
    yield "hot_sections", dag.hot_sections
    yield "nbytes", lambda: dag.nbytes
    yield "tasks", lambda: [_attributes(dag.task(task_id)) for task_id in dag.task_ids]
    yield "serialized_task", lambda: [dag.serialized_task(row) for row in rows]
    yield "serialized_fields", dag.serialized_fields
    yield "to_serialized", dag.to_serialized
    yield "nbytes of all", lambda: dag.nbytes


def _each(rows: range, call: Callable[[int, str], Any], name: str) -> list[Any]:
    return [call(row, name) for row in rows]


def _column(dag: CompactDag, name: str) -> list[Any]:
    column = dag.column(name)
    assert list(column) == [column[row] for row in range(len(column))]
    assert list(column) == [column.table[code] for code in column.codes]
    return list(column)


def _derived_column(dag: CompactDag, name: str) -> list[Any]:
    return list(dag.derived_column(name))


def _attributes(task: CompactTask) -> list[Any]:
    edges = [task.task_id, task.upstream_task_ids, task.downstream_task_ids]
    return edges + [getattr(task, name, None) for name in FIELDS]


def refusals(dag: CompactDag) -> dict[str, str]:
    """accessor -> why it refused; empty if all answered. Other errors than the two allowed go through."""
    refused = {}
    for name, call in accessors(dag):
        try:
            call()
        except FormatError as error:
            refused[name] = error.reason
        except ColdPartMissingError:
            refused[name] = "the cold part is missing"
    return refused

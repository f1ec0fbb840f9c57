"""The document that Airflow stores in `serialized_dag.data`, parsed and checked.

Every release since 1.10.7 writes `{"__version": n, "dag": {...}}`. Releases differ in the names of a few fields, and
in whether an element of `tasks` is a task itself or an envelope `{"__type": "operator", "__var": {...}}`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sched_cache.errors import InvalidDagError
from sched_cache.format.columns import ABSENT
from sched_cache.format.excerpt import excerpt
from sched_cache.format.fields import OLDER_TASK_NAMES, PARTIAL_PREFIX, TASK_DEFAULTS
from sched_cache.format.groups import GroupTree, closest_mapped, flatten

DAG_ID_NAMES: Final = ("dag_id", "_dag_id")
EDGE_NAMES: Final = ("downstream_task_ids", "_downstream_task_ids")
GROUP_NAMES: Final = ("task_group", "_task_group")


@dataclass(frozen=True, slots=True)
class Document:
    """One serialized DAG, checked, with its structure separated from its fields.

    outer: the keys beside `dag`. dag_fields: the keys of `dag` that are fields. rows: the fields of each task,
    including its structure. envelopes: the envelope around each task, `ABSENT` if it has none. edge_name: the name
    of the field with the edges of a task. has_edges: the tasks that have this field, even if it is empty.
    downstream: indices, in the order of the document. field_names: the fields that are columns, including those of
    `partial_kwargs`.
    """

    dag_id: str
    dag_id_name: str
    outer: dict[str, Any]
    dag_fields: dict[str, Any]
    task_ids: list[str]
    rows: list[dict[str, Any]]
    envelopes: list[Any]
    edge_name: str
    has_edges: list[bool]
    downstream: list[list[int]]
    group_name: str
    groups: GroupTree | None
    has_split_partials: bool
    field_names: frozenset[str]

    def column(self, name: str) -> list[Any]:
        """The value of one field in each task, `ABSENT` for a task without it."""
        return [row.get(name, ABSENT) for row in self.rows]

    def effective(self, name: str) -> list[Any]:
        """The value of one hot field that the host would see in each task.

        This is the task's own value, else that of its `partial_kwargs`, else that of the document's
        `client_defaults`, else the default of the schema.
        """
        defaults = task_defaults_of(self.outer)
        if name == "_needs_expansion" and name not in defaults:
            values = self._needs_expansion()
        else:
            values = [defaults.get(name, TASK_DEFAULTS[name])] * len(self.rows)
        for prefix in (PARTIAL_PREFIX, ""):
            spellings = (prefix + spelling for spelling in (name, *OLDER_TASK_NAMES.get(name, ())))
            used = next((spelling for spelling in spellings if spelling in self.field_names), None)
            if used is not None:
                values = [row.get(used, value) for row, value in zip(self.rows, values, strict=True)]
        return values

    def _needs_expansion(self) -> list[Any]:
        """The values of tasks without the field: it is never written for a mapped task, nor by Airflow 2.6."""
        groups = closest_mapped(self.groups) if self.groups is not None else [ABSENT] * len(self.rows)
        return [
            group is not ABSENT or row.get("_is_mapped") is True
            for group, row in zip(groups, self.rows, strict=True)
        ]


def task_defaults_of(outer: Mapping[str, Any]) -> Mapping[str, Any]:
    """`client_defaults.tasks`: values that the SDK omitted from every task; empty before version 3."""
    client_defaults = outer.get("client_defaults")
    tasks = client_defaults.get("tasks") if isinstance(client_defaults, dict) else None
    return tasks if isinstance(tasks, dict) else {}


def read_document(serialized: Any, *, keep_order: bool = False) -> Document:
    """The parsed form of `serialized`. Nothing in it is changed; values are shared with it.

    Args:
        keep_order: whether the order of keys is significant.

    Raises:
        InvalidDagError: not an object, no dag_id, duplicate task ids, edges to unknown tasks.
    """
    if not isinstance(serialized, Mapping):
        raise InvalidDagError(None, "document", f"is a {type(serialized).__name__}, expected an object")
    dag = serialized.get("dag")
    if not isinstance(dag, Mapping):
        raise InvalidDagError(None, "dag", f"is a {type(dag).__name__}, expected an object")
    dag_id_name = next((name for name in DAG_ID_NAMES if name in dag), DAG_ID_NAMES[0])
    dag_id = dag.get(dag_id_name)
    if not isinstance(dag_id, str) or not dag_id:
        raise InvalidDagError(None, f"dag.{dag_id_name}", f"is {excerpt(dag_id)}, expected a name")
    dag_id = str.__str__(dag_id)
    tasks = dag.get("tasks")
    if not isinstance(tasks, (list, tuple)):
        raise InvalidDagError(dag_id, "dag.tasks", f"is a {type(tasks).__name__}, expected an array")

    task_ids, rows, envelopes = _read_tasks(dag_id, tasks)
    index_of = {task_id: index for index, task_id in enumerate(task_ids)}
    names = frozenset[str]().union(*rows)
    edge_name = _only_edge_name(dag_id, names)
    downstream = _read_edges(dag_id, edge_name, rows, index_of)
    has_edges = [edge_name in row for row in rows]
    group_name = next((name for name in GROUP_NAMES if name in dag), "")
    groups = flatten(dag[group_name], index_of, keep_order=keep_order) if group_name else None
    has_split_partials = "partial_kwargs" in names and not any(map(_has_partial_prefix, names))
    if has_split_partials:
        rows = [_split_partials(row) for row in rows]
        names = frozenset[str]().union(*rows)
    structure = {dag_id_name, "tasks"} if groups is None else {dag_id_name, "tasks", group_name}
    return Document(
        dag_id=dag_id,
        dag_id_name=dag_id_name,
        outer={name: value for name, value in serialized.items() if name != "dag"},
        dag_fields={name: value for name, value in dag.items() if name not in structure},
        task_ids=task_ids,
        rows=rows,
        envelopes=envelopes,
        edge_name=edge_name,
        has_edges=has_edges,
        downstream=downstream,
        group_name=group_name,
        groups=groups,
        has_split_partials=has_split_partials,
        field_names=names - {"task_id", edge_name},
    )


def _read_tasks(dag_id: str, tasks: Sequence[Any]) -> tuple[list[str], list[dict[str, Any]], list[Any]]:
    task_ids: list[str] = []
    rows: list[dict[str, Any]] = []
    envelopes: list[Any] = []
    for position, task in enumerate(tasks):
        if not isinstance(task, dict):
            raise InvalidDagError(
                dag_id, f"dag.tasks[{position}]", f"is a {type(task).__name__}, expected an object"
            )
        row = task.get("__var")
        if isinstance(row, dict):
            envelopes.append({name: value for name, value in task.items() if name != "__var"})
        else:
            row = task
            envelopes.append(ABSENT)
        task_id = row.get("task_id")
        if not isinstance(task_id, str) or not task_id:
            raise InvalidDagError(
                dag_id, f"dag.tasks[{position}].task_id", f"is {excerpt(task_id)}, expected a name"
            )
        task_ids.append(str.__str__(task_id))
        rows.append(row)
    if len(set(task_ids)) != len(task_ids):
        [(duplicate, _)] = Counter(task_ids).most_common(1)
        raise InvalidDagError(dag_id, "dag.tasks", f"has more than one task {excerpt(duplicate)}")
    return task_ids, rows, envelopes


def _only_edge_name(dag_id: str, names: frozenset[Any]) -> str:
    if not all(isinstance(name, str) for name in names):
        raise InvalidDagError(dag_id, "dag.tasks", "has a field whose name is not a string")
    used = [name for name in EDGE_NAMES if name in names]
    if len(used) > 1:
        raise InvalidDagError(dag_id, "dag.tasks", f"has edges under {used[0]} and under {used[1]}")
    return used[0] if used else EDGE_NAMES[0]


def _read_edges(
    dag_id: str, edge_name: str, rows: Sequence[dict[str, Any]], index_of: Mapping[str, int]
) -> list[list[int]]:
    downstream: list[list[int]] = []
    for position, row in enumerate(rows):
        targets = row.get(edge_name, ())
        if not isinstance(targets, (list, tuple)):
            field = f"dag.tasks[{position}].{edge_name}"
            raise InvalidDagError(dag_id, field, f"is a {type(targets).__name__}, expected an array")
        try:
            downstream.append([index_of[target] for target in targets])
        except (KeyError, TypeError):
            unknown = next(target for target in targets if not _is_known(target, index_of))
            field = f"dag.tasks[{position}].{edge_name}"
            raise InvalidDagError(dag_id, field, f"names the unknown task {excerpt(unknown)}") from None
    return downstream


def _is_known(target: Any, index_of: Mapping[str, int]) -> bool:
    return isinstance(target, str) and target in index_of


def _has_partial_prefix(name: Any) -> bool:
    return isinstance(name, str) and name.startswith(PARTIAL_PREFIX)


def _split_partials(row: dict[str, Any]) -> dict[str, Any]:
    """`row` with each keyword of `partial_kwargs` as a field of its own; an empty `partial_kwargs` remains."""
    partials = row.get("partial_kwargs")
    if not isinstance(partials, dict) or "__type" in partials:
        return row
    if not all(isinstance(keyword, str) for keyword in partials):
        return row
    split = {PARTIAL_PREFIX + keyword: value for keyword, value in partials.items()}
    return {**row, "partial_kwargs": {}, **split}

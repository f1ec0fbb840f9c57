"""Restores the encoded document from both parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any, Protocol

from sched_cache.errors import FormatError
from sched_cache.format.cold_part import ColdPart
from sched_cache.format.columns import ABSENT, Column, check_spread
from sched_cache.format.document import DAG_ID_NAMES, EDGE_NAMES, GROUP_NAMES
from sched_cache.format.excerpt import excerpt
from sched_cache.format.fields import PARTIAL_PREFIX
from sched_cache.format.groups import Groups, GroupTree, decode_columns, unflatten

_MAX_BYTES, _MAX_BYTES_PER_BYTE = 1 << 29, 100
"""Limit of the memory of a restored document: a fixed amount, and an amount for each byte of the parts."""


class HotPart(Protocol):
    """The hot part that a document is restored from: see `CompactDag`."""

    @property
    def dag_id(self) -> str: ...

    @property
    def n_tasks(self) -> int: ...

    @property
    def task_ids(self) -> Sequence[str]: ...

    @property
    def packed_nbytes(self) -> int: ...

    def hot_sections(self) -> tuple[Mapping[str, Any], Mapping[str, Column], Mapping[str, Any]]: ...

    def groups(self) -> Groups | None: ...

    def derived_column(self, name: str) -> Column: ...

    def downstream(self, index: int) -> Sequence[int]: ...


def restore_document(dag: HotPart, cold: ColdPart) -> dict[str, Any]:
    """The document of `dag`. Containers are new, so the caller may change them.

    Raises:
        FormatError: the two parts do not fit together.
    """
    _, _, outer = dag.hot_sections()
    tasks = restore_tasks(dag, cold, range(dag.n_tasks))
    return {**deepcopy(outer), "dag": {**restore_dag_fields(dag, cold), "tasks": tasks}}


def restore_dag_fields(dag: HotPart, cold: ColdPart) -> dict[str, Any]:
    """The `dag` of the document without its `tasks`.

    Raises:
        FormatError: the two parts do not fit together.
    """
    dag_id_name = _one_of(cold.shape.get("dag_id_name"), DAG_ID_NAMES)
    hot_dag_fields, _, _ = dag.hot_sections()
    fields = {**deepcopy(hot_dag_fields), **deepcopy(cold.dag_fields), dag_id_name: dag.dag_id}
    groups = _group_tree(dag, cold)
    if groups is not None:
        fields[_one_of(cold.shape.get("group_name"), GROUP_NAMES)] = unflatten(groups, dag.task_ids)
    return fields


def _one_of(name: Any, names: tuple[str, ...]) -> str:
    if name not in names:
        raise FormatError(f"shape has the name {excerpt(name)}, expected one of {names}")
    return str(name)


def restore_tasks(dag: HotPart, cold: ColdPart, indices: Sequence[int]) -> list[dict[str, Any]]:
    """The elements of the document's `tasks` at `indices`, in their order.

    Raises:
        FormatError: the two parts do not fit together.
    """
    if not indices:
        return []
    shape = cold.shape
    _, hot_columns, _ = dag.hot_sections()
    columns = {**hot_columns, **{name: cold.column(name) for name in cold.column_names}}
    if len(indices) > 1:
        check_spread((*columns.values(), cold.structure("envelope")), _limit_bytes(dag), "the tasks")
    task_ids = dag.task_ids
    rows: list[dict[str, Any]] = [{"task_id": task_ids[index]} for index in indices]
    split = shape.get("split_partials")
    # `partial_kwargs` itself comes first, because its keywords are stored in it.
    for name in sorted(columns, key=lambda name: (name.startswith(PARTIAL_PREFIX), name)):
        keyword = name.removeprefix(PARTIAL_PREFIX) if split and name.startswith(PARTIAL_PREFIX) else None
        column = columns[name]
        for row, index in zip(rows, indices, strict=True):
            value = column[index]
            if value is ABSENT:
                continue
            if type(value) in (dict, list):
                value = deepcopy(value)  # many rows may share a value of the table
            if keyword is None:
                row[name] = value
            elif isinstance(partials := row.get("partial_kwargs"), dict):
                partials[keyword] = value
            else:
                raise FormatError(f"column {name} has a value for a task without partial_kwargs")
    edge_name = _one_of(shape.get("edge_name"), EDGE_NAMES)
    has_edges = cold.structure("has_edges")
    for row, index in zip(rows, indices, strict=True):
        if has_edges[index]:
            row[edge_name] = [task_ids[other] for other in dag.downstream(index)]
    envelopes = cold.structure("envelope")
    return [
        row if envelope is ABSENT else {**_mapping(envelope), "__var": row}
        for row, envelope in zip(rows, map(envelopes.__getitem__, indices), strict=True)
    ]


def _limit_bytes(dag: HotPart) -> int:
    return _MAX_BYTES + _MAX_BYTES_PER_BYTE * dag.packed_nbytes


def _mapping(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise FormatError(f"an envelope is a {type(value).__name__}")
    return deepcopy(value)


def _group_tree(dag: HotPart, cold: ColdPart) -> GroupTree | None:
    groups = dag.groups()
    if groups is None:
        return None
    n_groups = len(groups)
    columns = {**groups.columns, **decode_columns(cold.group_columns, n_groups)}
    check_spread(columns.values(), _limit_bytes(dag), "the groups")
    rows = [
        {name: deepcopy(value) for name, column in columns.items() if (value := column[row]) is not ABSENT}
        for row in range(n_groups)
    ]
    group_of = list(dag.derived_column("group"))
    if not all(row is ABSENT or (type(row) is int and 0 <= row < n_groups) for row in group_of):
        raise FormatError("a task is in a group that does not exist")
    if not all(isinstance(row.get("_group_id"), str) for row in rows[1:]):
        raise FormatError("a group below the root has no id")
    return GroupTree(rows, groups.parents, group_of)

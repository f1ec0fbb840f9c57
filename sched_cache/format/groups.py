"""The tree of task groups as rows, so that no task id is stored twice.

A tree is *regular* if it has the form that Airflow writes: the key of each child is its full id, and each task occurs
at most once. Any other tree is stored unchanged in the cold part.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sched_cache.errors import FormatError, InvalidDagError
from sched_cache.format.columns import (
    ABSENT,
    Column,
    decode_column,
    encode_column,
    numbers_in,
    pack_numbers,
    packed_columns_in,
)
from sched_cache.format.excerpt import excerpt
from sched_cache.format.fields import HOT_GROUP_FIELDS
from sched_cache.format.messagepack import MAX_DEPTH, pack, unpack

_OPERATOR, _TASK_GROUP = "operator", "taskgroup"
_CHILDREN = "children"
_HOT_NAMES = frozenset(field.name for field in HOT_GROUP_FIELDS)
_MAX_GROUP_DEPTH: Final = MAX_DEPTH // 4
NO_PARENT: Final = 0
"""The parent of the root. Rows are numbered from 0 but parents from 1, so that all numbers are unsigned."""


@dataclass(frozen=True, slots=True)
class GroupTree:
    """Groups in pre-order, the root first.

    rows: the fields of each group, without its children. If the order of children is significant and differs from
    the usual one (subgroups by name, then tasks in the order of the document), the field of the children has their
    positions in the usual order. parents: row of the parent + 1, `NO_PARENT` for the root. group_of: the row of the
    group of each task, or `ABSENT` for a task that is in no group.
    """

    rows: Sequence[dict[str, Any]]
    parents: Sequence[int]
    group_of: Sequence[Any]


def flatten(root: Any, index_of: Mapping[str, int], *, keep_order: bool = False) -> GroupTree | None:
    """The tree below `root` as rows; None if it is not regular. keep_order: whether the order of children matters."""
    rows: list[dict[str, Any]] = []
    parents: list[int] = []
    group_of: list[Any] = [ABSENT] * len(index_of)
    waiting: list[tuple[Any, int, int, str | None]] = [(root, NO_PARENT, 0, None)]
    while waiting:
        group, parent, depth, group_id = waiting.pop()
        children = group.get(_CHILDREN) if isinstance(group, dict) else None
        if not isinstance(children, dict) or not all(isinstance(label, str) for label in children):
            return None
        if depth > _MAX_GROUP_DEPTH:
            return None
        rows.append({name: value for name, value in group.items() if name != _CHILDREN})
        parents.append(parent)
        row = len(rows) - 1
        subgroups: list[tuple[Any, int, int, str | None]] = []
        for label in sorted(children):
            child = children[label]
            if not isinstance(child, (list, tuple)) or len(child) != 2:
                return None
            kind, node = child
            if kind == _OPERATOR and isinstance(node, str) and node == label and node in index_of:
                if group_of[index_of[node]] is not ABSENT:
                    return None
                group_of[index_of[node]] = row
            elif (
                kind == _TASK_GROUP
                and isinstance(node, dict)
                and full_group_id(node, group, group_id) == label
            ):
                subgroups.append((node, row + 1, depth + 1, label))
            else:
                return None
        waiting.extend(reversed(subgroups))
        if keep_order and (places := _places(children, [label for *_, label in subgroups], index_of)):
            rows[row][_CHILDREN] = places
    return GroupTree(rows, parents, group_of)


def _places(
    children: Iterable[str], subgroups: list[str | None], index_of: Mapping[str, int]
) -> list[int] | None:
    """The position of each child in sorted order; None if they are sorted."""
    labels = list(children)
    tasks = sorted(set(labels).difference(subgroups), key=index_of.__getitem__)
    place_of = {label: place for place, label in enumerate((*subgroups, *tasks))}
    places = [place_of[label] for label in labels]
    return None if places == sorted(places) else places


def full_group_id(group: Mapping[str, Any], parent: Mapping[str, Any], parent_id: str | None) -> str | None:
    """The key of a group among the children of its parent, as in `SerializedTaskGroup.group_id`; None if it has none.

    Source: Airflow 3.3.2 serialization/definitions/taskgroup.py `group_id`, `child_id`.
    """
    own = group.get("_group_id")
    if not isinstance(own, str):
        return None
    return f"{parent_id}.{own}" if parent_id and parent.get("prefix_group_id") else own


def unflatten(tree: GroupTree, task_ids: Sequence[str]) -> dict[str, Any]:
    """The root group with all its children.

    Raises:
        FormatError: the order of children is invalid.
    """
    groups = [{**row, _CHILDREN: {}} for row in tree.rows]
    for group, label, parent in zip(groups, group_ids(tree.rows, tree.parents), tree.parents, strict=True):
        if parent != NO_PARENT:
            groups[parent - 1][_CHILDREN][label] = [_TASK_GROUP, group]
    for task_id, row in zip(task_ids, tree.group_of, strict=True):
        if row is not ABSENT:
            groups[row][_CHILDREN][task_id] = [_OPERATOR, task_id]
    for group, fields in zip(groups, tree.rows, strict=True):
        if _CHILDREN in fields:
            group[_CHILDREN] = _in_places(group[_CHILDREN], fields[_CHILDREN])
    return groups[0]


def _in_places(children: dict[Any, Any], places: Any) -> dict[Any, Any]:
    is_order = isinstance(places, list) and all(type(place) is int for place in places)
    if not is_order or sorted(places) != list(range(len(children))):
        raise FormatError("a group's order is none of its children")
    labels = list(children)
    return {labels[place]: children[labels[place]] for place in places}


def group_ids(rows: Sequence[Mapping[str, Any]], parents: Sequence[int]) -> list[str | None]:
    """The full id of each group; None for the root."""
    ids: list[str | None] = []
    for row, parent in zip(rows, parents, strict=True):
        ids.append(None if parent == NO_PARENT else full_group_id(row, rows[parent - 1], ids[parent - 1]))
    return ids


def closest_mapped(tree: GroupTree) -> list[Any]:
    """The row of the closest mapped group around each task, or `ABSENT`."""
    of_group: list[Any] = []
    for row, (fields, parent) in enumerate(zip(tree.rows, tree.parents, strict=True)):
        if fields.get("is_mapped"):
            of_group.append(row)
        else:
            of_group.append(ABSENT if parent == NO_PARENT else of_group[parent - 1])
    return [ABSENT if row is ABSENT else of_group[row] for row in tree.group_of]


@dataclass(frozen=True, slots=True)
class Groups:
    """The hot fields of all groups, in pre-order. parents: as in `GroupTree`; columns: field -> column."""

    parents: memoryview[int]
    columns: dict[str, Column]

    def __len__(self) -> int:
        return len(self.parents)

    @property
    def nbytes(self) -> int:
        """Resident bytes."""
        return self.parents.nbytes + 600 + sum(column.nbytes for column in self.columns.values())


def encode_groups(tree: GroupTree, dag_id: str, *, sort_keys: bool = True) -> tuple[bytes, dict[str, bytes]]:
    """(the hot section, the cold columns).

    Raises:
        InvalidDagError: a value is not JSON.
    """
    names = {name for row in tree.rows for name in row}
    for name in names:
        if not isinstance(name, str):
            raise InvalidDagError(dag_id, "dag.task_group", f"key {excerpt(name)} is not a string")
    columns = {
        name: encode_column(
            [row.get(name, ABSENT) for row in tree.rows],
            f"dag.task_group.{name}",
            dag_id,
            sort_keys=sort_keys,
        )
        for name in sorted(names)
    }
    hot = {name: packed for name, packed in columns.items() if name in _HOT_NAMES}
    cold = {name: packed for name, packed in columns.items() if name not in _HOT_NAMES}
    n_groups = len(tree.rows)
    return pack([n_groups, pack_numbers(tree.parents, n_groups), hot]), cold


def decode_groups(packed: bytes) -> Groups:
    """The hot section.

    Raises:
        FormatError: not such a section, or a parent does not come before its children.
    """
    sections = unpack(packed, "groups")
    if not isinstance(sections, list) or len(sections) != 3 or not isinstance(sections[2], dict):
        raise FormatError("groups is not a count, parents and columns")
    n_groups, packed_parents, packed_columns = sections
    if type(n_groups) is not int or n_groups < 1:
        raise FormatError(f"groups has the count {excerpt(n_groups)}")
    parents = numbers_in(packed_parents, n_groups, n_groups + 1, "parents")
    if parents[0] != NO_PARENT or not all(0 < parent <= row for row, parent in enumerate(parents) if row):
        raise FormatError("a group stands before its parent")
    depths = [0]
    for parent in parents[1:]:
        depths.append(depths[parent - 1] + 1)
    if max(depths) > _MAX_GROUP_DEPTH:
        raise FormatError(f"groups are nested deeper than {_MAX_GROUP_DEPTH} levels")
    return Groups(parents, decode_columns(packed_columns, n_groups))


def decode_columns(packed_columns: Any, n_rows: int) -> dict[str, Column]:
    """All columns of a mapping name -> packed column.

    Raises:
        FormatError: not such a mapping.
    """
    columns = packed_columns_in(packed_columns, "a group")
    return {name: decode_column(packed, n_rows, name) for name, packed in columns.items()}

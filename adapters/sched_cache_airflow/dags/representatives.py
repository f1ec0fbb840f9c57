"""Selects tasks of a DAG that together have every distinct value that the host could fail to deserialize.

Most values cannot fail, because the host takes them as they are, or makes a container of such values. For these, one
value of each type is enough.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Any

from sched_cache.format import ABSENT, CompactDag
from sched_cache_airflow.dags.handling import Handling

_SCALARS = frozenset((str, int, float, type(None)))
_PLAIN_TYPES: dict[str, type[Any]] = {"dict": dict, "tuple": list, "set": list}


def representatives(compact: CompactDag, handling: Callable[[str], Handling]) -> set[int]:
    """The indices of the tasks. There are few, unless many tasks have values of their own that can fail.

    Whether a task is mapped and what its template fields are counts with each value, since the host asks for both
    first. A field that is missing counts as a value. Those of hot columns count by their type alone: these columns are
    tried value by value.
    """
    if not compact.n_tasks:
        return set()
    templated = list(compact.column("template_fields").codes)
    kinds: list[Hashable] = list(zip(compact.column("_is_mapped").codes, templated, strict=True))
    chosen: set[int] = set()
    _cover(kinds, chosen)
    is_one_kind = len(chosen) == 1
    cold_names = compact.cold_column_names
    for name in sorted(compact.hot_column_names | cold_names):
        column, handled = compact.column(name), handling(name)
        classes = [
            _class_of(code, value, handled, is_hot=name not in cold_names)
            for code, value in enumerate(column.table)
        ]
        if len(set(classes)) > 1:
            of_rows = map(classes.__getitem__, column.codes)
            _cover(of_rows if is_one_kind else list(zip(of_rows, kinds, strict=True)), chosen)
    return chosen


def _cover(rows: Iterable[Hashable], chosen: set[int]) -> None:
    """Adds to `chosen` the first row of each class that no chosen row belongs to."""
    classes = list(rows)
    covered = {classes[index] for index in chosen}
    for index, found in enumerate(classes):
        if found not in covered:
            covered.add(found)
            chosen.add(index)


def _class_of(code: int, value: Any, handling: Handling, *, is_hot: bool) -> Any:
    """The class of a value. The host can deserialize either all values of a class, or none."""
    kind = type(value)
    if kind is bool:
        return value
    if is_hot:
        return kind
    if kind in _SCALARS:
        return kind if kind in handling.takes else code
    if value is not ABSENT and handling.is_generic and (handling.takes_any or _is_plain(value)):
        return kind, str(value.get("__type")) if kind is dict else None
    return code


def _is_plain(value: Any) -> bool:
    """Whether the host can deserialize the value in every field that has no rule of its own."""
    kind = type(value)
    if kind in _SCALARS or kind is bool:
        return True
    if kind is list:
        return all(map(_is_plain, value))
    if kind is not dict or len(value) != 2:
        return False
    inner: Any = value.get("__var")
    expected = _PLAIN_TYPES.get(str(value.get("__type")))
    if expected is None or type(inner) is not expected:
        return False
    if value["__type"] == "set":
        return all(type(item) in _SCALARS for item in inner)
    return all(map(_is_plain, inner.values() if expected is dict else inner))

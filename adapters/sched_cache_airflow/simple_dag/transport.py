"""Many simple task instances in one byte string. Airflow 1.10 and 2.11 pickle them one by one.

The bytes are one compressed MessagePack array: format version, name of the host, number of rows, then one packed column
per field (see `sched_cache.format.columns`), with dates as microseconds since the epoch, and last the keys that do not
follow from the fields.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, TypeAlias

from sched_cache.errors import FormatError
from sched_cache.format import ABSENT, compress, decompress
from sched_cache.format.columns import decode_column, encode_column
from sched_cache.format.excerpt import excerpt
from sched_cache.format.messagepack import pack, unpack
from sched_cache.scheduling.timestamp import FIRST, LAST, NO_TIME, date_of, microseconds_of
from sched_cache_airflow.simple_dag import airflow2
from sched_cache_airflow.simple_dag.simple_task_instance import SimpleTaskInstance

AnySimpleTaskInstance: TypeAlias = "SimpleTaskInstance | airflow2.SimpleTaskInstance"

_VERSION: Final = 1
_MAX_BYTES: Final = 1 << 26
_ROW_BYTES: Final = 640
"""The memory of an unpacked row, even if all its columns are constant: object, key and dates."""
_CLASSES: Final[dict[str, Any]] = {"1.10": SimpleTaskInstance, "2.11": airflow2.SimpleTaskInstance}
_KEY: Final = "key"


def pack_task_instances(task_instances: Iterable[AnySimpleTaskInstance]) -> bytes:
    """`task_instances` as bytes. All must be of one class. Dates must be aware, and are returned in UTC.

    Raises:
        InvalidDagError: a value, such as an object in an executor config, that is not JSON.
        TypeError: their classes differ.
    """
    rows = list(task_instances)
    kinds = {type(row) for row in rows} or {SimpleTaskInstance}
    host = next((host for host, kind in _CLASSES.items() if {kind} == kinds), None)
    if host is None:
        raise TypeError("simple task instances of more than one class do not travel together")
    kind = _CLASSES[host]
    values = [row.values() for row in rows]
    columns = [
        encode_column(_on_the_wire(kind, name, [value[name] for value in values]), name, None)
        for name in kind.FIELDS
    ]
    keys: list[Any] = [_key_on_the_wire(kind, row, value) for row, value in zip(rows, values, strict=True)]
    columns.append(encode_column(keys, _KEY, None))
    return compress(pack([_VERSION, host, len(rows), *columns]), min_bytes=0)


def unpack_task_instances(data: bytes, max_bytes: int = _MAX_BYTES) -> list[AnySimpleTaskInstance]:
    """The task instances in `data`, which `pack_task_instances` returned.

    Raises:
        FormatError: not such bytes, or more than `max_bytes` when unpacked. Each row counts at least 640 bytes.
    """
    fields = unpack(decompress(data, max_bytes), "simple task instances")
    if not isinstance(fields, list) or len(fields) < 3:
        raise FormatError("simple task instances are not an array")
    version, host, n_rows, *columns = fields
    if version != _VERSION or type(version) is not int:
        raise FormatError(f"simple task instances have another version than {_VERSION}")
    kind = _CLASSES.get(host) if isinstance(host, str) else None
    if kind is None or len(columns) != len(kind.FIELDS) + 1:
        raise FormatError("simple task instances are of an unknown host, or have not all of its fields")
    if type(n_rows) is not int or n_rows < 0 or set(map(type, columns)) - {bytes}:
        raise FormatError("simple task instances do not say how many they are, or lack a column")
    if n_rows * _ROW_BYTES > max_bytes:  # a few bytes can declare a constant column of any length
        raise FormatError(
            f"{excerpt(n_rows)} simple task instances are larger than the limit of {max_bytes} bytes"
        )
    decoded = {
        name: _from_the_wire(kind, name, decode_column(column, n_rows, name))
        for name, column in zip(kind.FIELDS, columns, strict=False)
    }
    keys = [_key_from_the_wire(kind, key) for key in decode_column(columns[-1], n_rows, _KEY)]
    rows = zip(*decoded.values(), strict=True)
    return [
        kind.from_values(dict(zip(decoded, row, strict=True)), key)
        for row, key in zip(rows, keys, strict=True)
    ]


def _on_the_wire(kind: Any, name: str, values: list[Any]) -> list[Any]:
    return [_wire_date(value) for value in values] if name in kind.DATES else values


def _from_the_wire(kind: Any, name: str, values: Iterable[Any]) -> list[Any]:
    if name in kind.DATES:
        return [_date_in(value) for value in values]
    found = list(values)
    if any(value is ABSENT for value in found):
        raise FormatError(f"a simple task instance has no {name}")
    return found


def _key_on_the_wire(kind: Any, row: Any, values: dict[str, Any]) -> Any:
    if tuple(row.key) == tuple(values[name] for name in kind.KEY_FIELDS):
        return ABSENT
    if len(row.key) != len(kind.KEY_FIELDS):
        raise TypeError(f"the key {row.key!r} is not one of {', '.join(kind.KEY_FIELDS)}")
    return [
        _wire_date(part) if name in kind.DATES else part
        for name, part in zip(kind.KEY_FIELDS, row.key, strict=True)
    ]


def _key_from_the_wire(kind: Any, key: Any) -> tuple[Any, ...] | None:
    if key is ABSENT:
        return None
    if not isinstance(key, list) or len(key) != len(kind.KEY_FIELDS):
        raise FormatError("the key of a simple task instance does not have its parts")
    return tuple(
        _date_in(part) if name in kind.DATES else part
        for name, part in zip(kind.KEY_FIELDS, key, strict=True)
    )


def _wire_date(date: Any) -> int | None:
    return None if date is None else microseconds_of(date)


def _date_in(value: Any) -> Any:
    if value is None:
        return None
    if type(value) is not int or value == NO_TIME or not FIRST <= value <= LAST:
        raise FormatError("a date of a simple task instance lies beyond the calendar")
    return date_of(value)

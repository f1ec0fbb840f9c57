"""Task instances as bytes for another process with the same DAG, in place of pickled `SimpleTaskInstance` objects.

One MessagePack array: format version, content hash of the DAG, number of rows; then for each column a byte string
of little-endian numbers: task index, map index + 1 (unsigned, the smallest width that fits) and state code
(1 byte), try number (signed, 4 bytes), start and end (signed, 8 bytes), the last three null if absent; then
the state names that are not in `STATES`, and the rows of unknown tasks. Reading is strict.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable
from typing import Any, Final, Literal

from sched_cache.errors import FormatError
from sched_cache.format import CompactDag
from sched_cache.format.columns import numbers_in, pack_numbers
from sched_cache.format.messagepack import pack, unpack
from sched_cache.scheduling.slim_task_instances import SlimTaskInstance, SlimTaskInstances
from sched_cache.scheduling.state import STATES
from sched_cache.scheduling.timestamp import FIRST, LAST, NO_TIME, date_of, microseconds_of

VERSION: Final = 1
_MAX_STATES: Final = 256
_MAX_MAP_INDEX: Final = (1 << 31) - 1


def pack_task_instances(rows: SlimTaskInstances, content_hash: str) -> bytes:
    """`rows` as bytes. `content_hash` names the DAG content that they belong to."""
    map_index = [number + 1 for number in rows.map_index]
    return pack(
        [
            VERSION,
            content_hash,
            len(rows),
            pack_numbers(rows.task_index, max(rows.task_index, default=0)),
            pack_numbers(map_index, max(map_index, default=0)),
            rows.state,
            _little_endian(rows.try_number),
            _little_endian(rows.start),
            _little_endian(rows.end),
            list(rows.state_names[len(STATES) :]),
            [[*row[:4], *map(microseconds_of, row[4:])] for row in rows.unknown],
        ]
    )


def unpack_task_instances(data: bytes, dag: CompactDag, content_hash: str) -> SlimTaskInstances:
    """The rows in `data`.

    Args:
        data: a result of `pack_task_instances`.
        dag: the content named `content_hash`.

    Raises:
        FormatError: not such bytes, or of another content of the DAG.
    """
    fields = unpack(data, "task instances")
    if not isinstance(fields, list) or len(fields) != 11:
        raise FormatError("task instances are not an array of eleven")
    version, found_hash, n_rows, task_index, map_index, state, try_number, start, end, names, unknown = fields
    if version != VERSION or type(version) is not int:
        raise FormatError(f"task instances have another version than {VERSION}")
    if found_hash != content_hash:
        raise FormatError(f"task instances do not belong to the content {content_hash}")
    if type(n_rows) is not int or not 0 <= n_rows <= len(data):
        raise FormatError("task instances do not say how many they are")
    if not isinstance(names, list) or len(names) + len(STATES) > _MAX_STATES:
        raise FormatError("the states of task instances are not a list of at most 256")
    if not all(type(name) is str for name in names) or len({*names, *STATES}) != len(names) + len(STATES):
        raise FormatError("a state is not a name, or occurs twice")
    if not isinstance(state, bytes) or len(state) != n_rows:
        raise FormatError("there is not one state a task instance")
    if state and max(state) >= len(STATES) + len(names):
        raise FormatError("a task instance has a state without a name")
    indices = numbers_in(task_index, n_rows, dag.n_tasks, "task index")
    shifted = numbers_in(map_index, n_rows, _MAX_MAP_INDEX + 1, "map index")
    return SlimTaskInstances(
        dag.task_ids,
        array("I", indices),
        array("i", [number - 1 for number in shifted]),
        state,
        try_number=_signed("i", try_number, n_rows, "try number"),
        start=_dates("start", start, n_rows),
        end=_dates("end", end, n_rows),
        state_names=(*STATES, *names) if names else STATES,
        unknown=_unknown_in(unknown),
    )


def _little_endian(column: array[int] | None) -> bytes | None:
    if column is None:
        return None
    if sys.byteorder == "big":
        column = column[:]
        column.byteswap()
    return column.tobytes()


def _signed(width: Literal["i", "q"], data: Any, n_rows: int, what: str) -> array[int] | None:
    if data is None:
        return None
    column = array(width)
    if not isinstance(data, bytes) or len(data) != n_rows * column.itemsize:
        raise FormatError(f"there is not one {what} a task instance")
    column.frombytes(data)
    if sys.byteorder == "big":
        column.byteswap()
    return column


def _dates(what: str, data: Any, n_rows: int) -> array[int] | None:
    column = _signed("q", data, n_rows, what)
    if column is not None:
        _check_dates(column, what)
    return column


def _check_dates(dates: Iterable[int], what: str) -> None:
    if not all(FIRST <= date <= LAST or date == NO_TIME for date in dates):
        raise FormatError(f"a {what} lies beyond the calendar")


_UNKNOWN_ROW: Final = ((str,), (int,), (str, type(None)), (int, type(None)), (int,), (int,))


def _unknown_in(unknown: Any) -> list[SlimTaskInstance]:
    rows: list[SlimTaskInstance] = []
    if not isinstance(unknown, list):
        raise FormatError("the rows of unknown tasks are not a list")
    for row in unknown:
        if not isinstance(row, list) or len(row) != len(_UNKNOWN_ROW):
            raise FormatError("the row of an unknown task is not an array of six")
        if not all(type(value) in kinds for value, kinds in zip(row, _UNKNOWN_ROW, strict=True)):
            raise FormatError("the row of an unknown task has a value of another type")
        _check_dates(row[4:], "date of an unknown task")
        rows.append(SlimTaskInstance(row[0], row[1], row[2], row[3], date_of(row[4]), date_of(row[5])))
    return rows

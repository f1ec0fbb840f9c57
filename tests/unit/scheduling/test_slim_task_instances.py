"""Rows of task instances as columns, here and in another process."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta, timezone
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sched_cache.errors import FormatError
from sched_cache.format import CompactDag, decode_dag, encode_dag
from sched_cache.scheduling import (
    SlimTaskInstance,
    SlimTaskInstances,
    pack_task_instances,
    unpack_task_instances,
)
from sched_cache.scheduling.state import STATES
from sched_cache_airflow.certification.dag_document import TaskSpec, document_of

TASK_IDS = [f"task_{number}" for number in range(300)]
HASH = "0123456789abcdef" * 2
NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=timezone.utc)


def a_dag() -> CompactDag:
    encoded = encode_dag(document_of([TaskSpec(task_id) for task_id in TASK_IDS]))
    return decode_dag(encoded.hot, encoded.cold)


DAG = a_dag()

dates = st.none() | st.datetimes(timezones=st.just(timezone.utc))
keys = st.tuples(st.sampled_from([*TASK_IDS, "gone", "gone too"]), st.integers(-1, 70_000))
columns = st.tuples(
    st.sampled_from([*STATES, "a_state_of_tomorrow", "another"]), st.integers(0, 99), dates, dates
)
rows_strategy = st.dictionaries(keys, columns, max_size=30).map(
    lambda rows: [(*key, *values) for key, values in rows.items()]
)


@given(rows_strategy, st.sampled_from([3, 4, 5, 6]))
def test_a_row_reads_as_it_was_written(rows: list[tuple[Any, ...]], n_columns: int) -> None:
    """Known tasks in the order they came, unknown ones aside, columns that were not read None; packed or
    not."""
    read = [row[:n_columns] for row in rows]
    slim = SlimTaskInstances.from_rows(DAG, read)
    known = [SlimTaskInstance(*row) for row in read if row[0] in TASK_IDS]
    unknown = [SlimTaskInstance(*row) for row in read if row[0] not in TASK_IDS]
    again = unpack_task_instances(pack_task_instances(slim, HASH), DAG, HASH)
    for one in (slim, again):
        assert list(one) == known and list(one.unknown) == unknown and len(one) == len(known)
    assert again.has_same_states(slim)


def test_dates_in_other_zones_are_the_same_moment() -> None:
    """They come back in UTC, to the microsecond."""
    east = NOW.astimezone(timezone(timedelta(hours=9)))
    slim = SlimTaskInstances.from_rows(DAG, [("task_0", -1, "success", 1, east, None)])
    assert slim[0].start_date == NOW and slim[0].start_date.tzinfo is timezone.utc
    assert slim[0].end_date is None


def test_a_row_takes_bytes_not_objects() -> None:
    """9 bytes a row for what every loop needs, 29 with try number and dates, and what arrays grow ahead."""
    rows = [(task_id, -1, "success", 1, NOW, NOW) for task_id in TASK_IDS]
    empty = SlimTaskInstances.from_rows(DAG, [])
    few = SlimTaskInstances.from_rows(DAG, [row[:3] for row in rows])
    all_of_them = SlimTaskInstances.from_rows(DAG, rows)
    assert few.nbytes - empty.nbytes <= 10 * len(rows)
    assert all_of_them.nbytes - empty.nbytes <= 32 * len(rows)


def test_same_states_means_same_rows_in_the_same_order() -> None:
    """Try numbers and dates may differ; a state, a map index, the order or a strange state's name may not."""
    base = [("task_0", -1, None, 1), ("task_1", 0, "success", 1)]
    slim = SlimTaskInstances.from_rows(DAG, base)
    assert slim.has_same_states(SlimTaskInstances.from_rows(DAG, [(*row[:3], 2) for row in base]))
    assert not slim.has_same_states(None)
    for other in (
        base[:1],
        base[::-1],
        [base[0], ("task_1", 0, "failed", 1)],
        [base[0], ("task_1", 1, "success", 1)],
        [base[0], ("task_2", 0, "success", 1)],
    ):
        assert not slim.has_same_states(SlimTaskInstances.from_rows(DAG, other))
    strange, stranger = (SlimTaskInstances.from_rows(DAG, [("task_0", -1, name)]) for name in ("x", "y"))
    assert strange.state == stranger.state and not strange.has_same_states(stranger)


@given(st.data())
def test_no_damage_goes_unnoticed_or_crashes(data: st.DataObject) -> None:
    """Bytes that were cut, changed or made up are a `FormatError`, or rows that can be read to the end."""
    rows = [("task_1", -1, "success", 1, NOW, None), ("gone", 0, "x", 1, None, NOW)]
    packed = bytearray(pack_task_instances(SlimTaskInstances.from_rows(DAG, rows), HASH))
    position = data.draw(st.integers(0, len(packed) - 1))
    if data.draw(st.booleans()):
        packed[position] = data.draw(st.integers(0, 255))
    else:
        del packed[position:]
    with suppress(FormatError):
        list(unpack_task_instances(bytes(packed), DAG, HASH))


GOOD: list[Any] = msgpack.unpackb(
    pack_task_instances(
        SlimTaskInstances.from_rows(
            DAG, [("task_1", -1, "success", 1, NOW, None), ("gone", 0, None, 1, None, NOW)]
        ),
        HASH,
    )
)


@pytest.mark.parametrize(
    ("position", "value"),
    [
        (0, 2),
        (0, True),
        (1, HASH[::-1]),
        (2, 2),
        (2, -1),
        (2, 1 << 40),
        (2, True),
        (3, b""),
        (3, (300).to_bytes(2, "little")),
        (3, b"\0\0\0"),
        (3, "\0"),
        (4, (1 << 31).to_bytes(4, "little")),
        (5, b""),
        (5, "\0"),
        (5, bytes([len(STATES)])),
        (6, b"\0"),
        (6, "\0\0\0\0"),
        (7, b"\0" * 7),
        (7, (1 << 62).to_bytes(8, "little")),
        (8, (-(1 << 62)).to_bytes(8, "little", signed=True)),
        (9, ["x"] * 2),
        (9, ["success"]),
        (9, [None]),
        (9, [f"state_{number}" for number in range(250)]),
        (9, {}),
        (10, None),
        (10, [[]]),
        (10, ["gone"]),
        (10, [["gone", 0, None, 1, 0]]),
        (10, [["gone", 0, None, 1, 0, 1 << 62]]),
        (10, [["gone", 0, None, 1, 0, None]]),
        (10, [["gone", "0", None, 1, 0, 0]]),
        (10, [["gone", True, None, 1, 0, 0]]),
        (10, [[7, 0, None, 1, 0, 0]]),
    ],
)
def test_every_field_is_checked(position: int, value: Any) -> None:
    """A field of another type, length or range is a `FormatError` that shows up before any row is read."""
    unpack_task_instances(msgpack.packb(GOOD), DAG, HASH)
    with pytest.raises(FormatError):
        unpack_task_instances(msgpack.packb([*GOOD[:position], value, *GOOD[position + 1 :]]), DAG, HASH)


@pytest.mark.parametrize("data", [b"", b"\xc0", msgpack.packb([]), msgpack.packb([*GOOD, None])])
def test_other_bytes_are_refused(data: bytes) -> None:
    """Not an array of eleven: not ours."""
    with pytest.raises(FormatError):
        unpack_task_instances(data, DAG, HASH)

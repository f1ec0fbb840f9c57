"""Simple task instances as bytes."""

from __future__ import annotations

import pickle
import random
import tracemalloc
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.serialized import generate_document
from bench.shapes import SHAPES
from sched_cache.errors import FormatError, InvalidDagError
from sched_cache.format import compress, decode_dag, decompress, encode_dag
from sched_cache.format.columns import encode_column
from sched_cache.format.messagepack import pack, unpack
from sched_cache.scheduling import SlimTaskInstance
from sched_cache_airflow.simple_dag import SimpleTaskInstance, airflow2, pack_task_instances
from sched_cache_airflow.simple_dag import unpack_task_instances as unpacked
from tests.unit.sched_cache_airflow.simple_dag import test_airflow2 as of_airflow2
from tests.unit.sched_cache_airflow.simple_dag.test_simple_task_instance import DAY, compact

_DATES = st.none() | st.datetimes(timezones=st.just(timezone.utc))
_TEXTS = st.none() | st.text(max_size=5)
_VALUES_OF_2 = st.fixed_dictionaries(
    {
        **dict.fromkeys(("dag_id", "task_id", "run_id", "pool", "queue"), st.text(max_size=5)),
        **dict.fromkeys(("state", "executor", "run_as_user"), _TEXTS),
        **dict.fromkeys(("map_index", "try_number"), st.integers(-1, 1 << 40)),
        **dict.fromkeys(("start_date", "end_date"), _DATES),
        "priority_weight": st.none() | st.integers(-(1 << 40), 1 << 40),
        "executor_config": st.dictionaries(st.text(max_size=3), st.none() | st.booleans() | st.floats(0, 1)),
    }
)


@given(st.lists(_VALUES_OF_2, max_size=5))
def test_those_of_airflow_2_come_back_equal(rows: list[dict[str, Any]]) -> None:
    task_instances = [airflow2.SimpleTaskInstance.from_values(row) for row in rows]
    assert unpacked(pack_task_instances(task_instances)) == task_instances


@given(
    st.lists(
        st.tuples(
            st.sampled_from("ab"), st.none() | st.sampled_from(["running", "odd"]), st.integers(0, 9), _DATES
        )
    )
)
def test_those_of_1_10_come_back_with_all_values(rows: list[tuple[Any, ...]]) -> None:
    task_instances = [
        SimpleTaskInstance.from_slim(compact(), SlimTaskInstance(task_id, -1, state, tries, date, date), DAY)
        for task_id, state, tries, date in rows
    ]
    back = unpacked(pack_task_instances(task_instances))
    assert [(one.values(), one.key) for one in back] == [(one.values(), one.key) for one in task_instances]
    assert {type(one) for one in back} <= {SimpleTaskInstance}


def test_a_key_that_does_not_follow_from_the_fields_travels_too() -> None:
    other = of_airflow2.made(key=of_airflow2.TaskInstanceKey("d", "b", "run", 9, 2))
    [back] = unpacked(pack_task_instances([other]))
    assert back == other
    simple = SimpleTaskInstance.from_slim(compact(), SlimTaskInstance("a", -1, None, 0), DAY)
    simple._key = ("d", "a", DAY + timedelta(days=1), 1)
    [returned] = unpacked(pack_task_instances([simple]))
    assert returned.key == simple._key


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("of_host", [SimpleTaskInstance, airflow2.SimpleTaskInstance], ids=["1.10", "2.11"])
def test_those_of_a_thousand_tasks_take_a_fifth_of_their_pickle(shape: str, of_host: Any) -> None:
    """Pickled in one go, by the newest protocol; the host pickles them one by one."""
    dag, choose = decode_dag(encode_dag(generate_document(shape, 1000)).hot), random.Random(1)
    run = DAY if of_host is SimpleTaskInstance else "scheduled__2026-01-01"
    task_instances = []
    for number, task_id in enumerate(dag.task_ids):
        state = choose.choice(["success", "running", "queued", "scheduled"])
        start = datetime(2026, 1, 2, tzinfo=timezone.utc) + timedelta(microseconds=choose.randrange(10**10))
        row = SlimTaskInstance(task_id, -1, state, 1, start, start + timedelta(microseconds=number))
        task_instances.append(of_host.from_slim(dag, row, run))
    pickled = pickle.dumps([{**one.values(), "key": one.key} for one in task_instances], -1)
    assert len(pack_task_instances(task_instances)) * 5 <= len(pickled)


def test_what_is_not_json_is_told_by_field() -> None:
    with pytest.raises(InvalidDagError) as raised:
        pack_task_instances([of_airflow2.made(executor_config={"pod": object()})])
    assert raised.value.field.startswith("executor_config")


def test_two_classes_do_not_travel_together() -> None:
    simple = SimpleTaskInstance.from_slim(compact(), SlimTaskInstance("a", -1, None, 0), DAY)
    with pytest.raises(TypeError, match="more than one class"):
        pack_task_instances([simple, of_airflow2.made()])


def test_every_truncation_is_told() -> None:
    data = pack_task_instances([of_airflow2.made()])
    for end in range(len(data)):
        with pytest.raises(FormatError):
            unpacked(data[:end])


_START_DATE = 3 + airflow2.SimpleTaskInstance.FIELDS.index("start_date")


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (0, 2),
        (1, "9.9"),
        (1, []),
        (2, -1),
        (2, 2),
        (2, True),
        (3, 7),
        (3, encode_column(["a", "b"], "", None)),
        (_START_DATE, encode_column([1 << 62], "", None)),
        (_START_DATE, encode_column(["today"], "", None)),
        (-1, encode_column([["d", "b"]], "", None)),
        (-1, encode_column(["key"], "", None)),
    ],
)
def test_each_value_is_checked(place: int, value: object) -> None:
    """Bytes from a pipe or a queue may come from any process."""
    fields = unpack(decompress(pack_task_instances([of_airflow2.made()]), 10_000), "test")
    fields[place] = value
    with pytest.raises(FormatError):
        unpacked(compress(pack(fields)))


def test_a_column_too_few_is_told() -> None:
    fields = unpack(decompress(pack_task_instances([of_airflow2.made()]), 10_000), "test")
    with pytest.raises(FormatError):
        unpacked(compress(pack(fields[:-1])))


@pytest.mark.parametrize("host", ["1.10", "2.11"])
@pytest.mark.parametrize("n_rows", [200_000, 60_000_000, 1 << 62])
def test_a_few_bytes_do_not_say_how_much_memory_is_taken(host: str, n_rows: int) -> None:
    """A column in which all rows have the same value is as small for a billion of them as for two."""
    (kind,) = [kind for kind in (SimpleTaskInstance, airflow2.SimpleTaskInstance) if _host_of(kind) == host]
    columns = [encode_column([None, None], name, None) for name in (*kind.FIELDS, "key")]
    message = compress(pack([1, host, n_rows, *columns]), min_bytes=0)
    assert len(message) < 100
    tracemalloc.start()
    try:
        with pytest.raises(FormatError, match="larger than the limit"):
            unpacked(message)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_what_is_allowed_takes_no_more_than_was_allowed() -> None:
    """The most rows of constant columns that a limit lets through."""
    values = dict.fromkeys(airflow2.SimpleTaskInstance.FIELDS, "x")
    values |= dict.fromkeys(airflow2.SimpleTaskInstance.DATES, DAY)
    values |= {"try_number": 1000, "map_index": -1, "priority_weight": 1, "executor_config": {}}
    rows = [airflow2.SimpleTaskInstance.from_values(values)] * 10_000
    message = pack_task_instances(rows)
    with pytest.raises(FormatError, match="larger than the limit"):
        unpacked(message, 6_399_999)
    tracemalloc.start()
    try:
        assert len(unpacked(message, 6_400_000)) == 10_000
        assert tracemalloc.get_traced_memory()[1] < 1.3 * 6_400_000
    finally:
        tracemalloc.stop()


def _host_of(kind: Any) -> str:
    return "1.10" if kind is SimpleTaskInstance else "2.11"

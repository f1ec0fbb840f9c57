"""Columns: the smallest of four codings, and back."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sched_cache.errors import FormatError, InvalidDagError
from sched_cache.format.columns import (
    ABSENT,
    constant_column,
    decode_column,
    encode_column,
    numbers_in,
    pack_numbers,
    packed_columns_in,
    width_for,
)
from tests.support.format.documents import json_values, texts
from tests.support.format.exact import difference
from tests.support.format.hostile import constant, nested, packed

CONSTANT, PLAIN, DICTIONARY, SPARSE = 0, 1, 2, 3
HUGE = 10**5000
"""An integer whose `repr` raises."""


def _coding(data: bytes) -> int:
    return data[1]


def _same(left: Any, right: Any) -> bool:
    return (left is ABSENT) == (right is ABSENT) and (left is ABSENT or difference(left, right) is None)


@given(
    st.lists(st.one_of(st.just(ABSENT), st.sampled_from([1, 1.0, True, "1", None, 0.0, -0.0]), json_values))
)
def test_every_column_comes_back(values: list[Any]) -> None:
    """Row for row the same JSON value, and absent is not null."""
    column = decode_column(encode_column(values, "field", "d"), len(values), "field")
    assert len(column) == len(values)
    assert all(map(_same, column, values))
    assert all(map(_same, [column[row] for row in range(len(values))], values))
    assert all(map(_same, [column.table[code] for code in column.codes], values))


@given(st.lists(st.one_of(st.just(ABSENT), texts, st.integers()), min_size=1), st.integers(1, 400))
def test_every_coding_comes_back(values: list[Any], repeats: int) -> None:
    """The same for columns long enough that codes take two bytes and exceptions are worth listing."""
    values = [values[0]] * repeats + values
    column = decode_column(encode_column(values, "field", "d"), len(values), "field")
    assert all(map(_same, column, values))


@pytest.mark.parametrize(
    "values", [[1, True], [True, 1], [0, False, None], [1, 1.0], ["1", 1], [True, 1, 1.0] * 20, [0.0, -0.0]]
)
def test_values_that_python_calls_equal_stay_apart(values: list[Any]) -> None:
    """No table entry is shared by values of different types."""
    column = decode_column(encode_column(values, "field", "d"), len(values), "field")
    assert all(map(_same, column, values))


@pytest.mark.parametrize(
    ("values", "coding"),
    [
        (["a"] * 1000, CONSTANT),
        ([None] * 3, CONSTANT),
        (["a", "b", "c"], PLAIN),
        ([1, 1, 2, 3], PLAIN),
        (["some text", "some text", "some words", "some words"], DICTIONARY),
        ([ABSENT] * 9 + ["x"], SPARSE),
        (["usual"] * 1000 + ["not"], SPARSE),
        ([ABSENT] * 10, SPARSE),
    ],
)
def test_the_smallest_coding_is_taken(values: list[Any], coding: int) -> None:
    """One value for all rows is stored once; rare exceptions are listed; else whatever takes fewest bytes."""
    assert _coding(encode_column(values, "field", "d")) == coding


def test_equal_values_share_a_table_entry_whatever_their_key_order() -> None:
    """A value table holds each JSON value once."""
    values = [{"a": 1, "b": [2]}, {"b": [2], "a": 1}] * 5 + [{"b": [2.0], "a": 1}]
    column = decode_column(encode_column(values, "field", "d"), len(values), "field")
    assert [value for value in column.table if value is not ABSENT] == [values[0], values[-1]]


@given(st.lists(st.one_of(st.just(ABSENT), texts, st.dictionaries(texts, texts, max_size=3))), st.randoms())
def test_equal_columns_give_equal_bytes(values: list[Any], random: Any) -> None:
    """The order of keys inside values leaves no trace."""

    def shuffled(value: Any) -> Any:
        return dict(random.sample(list(value.items()), len(value))) if isinstance(value, dict) else value

    assert encode_column(values, "f", "d") == encode_column([shuffled(value) for value in values], "f", "d")


def test_a_large_value_in_many_rows_is_not_written_out_on_the_way() -> None:
    """Choosing a coding costs no more than the smallest: a 5 MB text in 500 rows is never 2.5 GB."""
    text = "x" * 5_000_000
    values: list[Any] = [text, text[:-1]] * 500
    tracemalloc.start()
    data = encode_column(values, "doc_md", "d")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(data) < 10_100_000
    assert peak < 60_000_000


@pytest.mark.parametrize("value", [float("nan"), b"x", {1: 2}, [[object()]]])
def test_a_value_that_is_not_json_is_refused(value: object) -> None:
    """This holds for any surrounding values, and any number of occurrences."""
    for values in ([value], ["a", value], [ABSENT, value, value], [1] * 100 + [value]):
        with pytest.raises(InvalidDagError) as caught:
            encode_column(values, "dag.tasks[*].x", "my dag")
        assert caught.value.dag_id == "my dag" and caught.value.field.startswith("dag.tasks[*].x")


@pytest.mark.parametrize("column", [constant_column("v", 2), decode_column(packed([1, ["v", "v"]]), 2, "f")])
def test_rows_count_from_zero_to_the_last(column: Any) -> None:
    """A row that is not there is an `IndexError` in every coding, negative ones included."""
    for row in (-1, 2, 1 << 70):
        with pytest.raises((IndexError, OverflowError)):
            column[row]


def test_absent_is_falsy_and_speaks_for_itself() -> None:
    """So that `if column[row]` treats it as null and messages can show it."""
    assert not ABSENT and repr(ABSENT) == "ABSENT"


@pytest.mark.parametrize(
    ("largest", "width"), [(0, 1), (255, 1), (256, 2), (65535, 2), (65536, 4), (1 << 31, 4)]
)
def test_numbers_take_the_smallest_width(largest: int, width: int) -> None:
    """One, two or four little-endian bytes a number."""
    assert width_for(largest) == width
    data = pack_numbers([1, largest], largest)
    assert data == (1).to_bytes(width, "little") + largest.to_bytes(width, "little")
    assert numbers_in(data, 2, largest + 2, "numbers").tolist() == [1, largest]


@pytest.mark.parametrize(
    ("data", "count", "limit", "reason"),
    [
        ("text", 4, 9, "is a str"),
        (None, 1, 9, "is a NoneType"),
        (b"\x00", 0, 9, "1 bytes for 0 numbers"),
        (b"", 1, 9, "0 bytes for 1 numbers"),
        (b"\x00" * 3, 1, 9, "3 bytes for 1 numbers"),
        (b"\x00" * 8, 1, 9, "8 bytes for 1 numbers"),
        (b"\x00" * 3, 2, 9, "3 bytes for 2 numbers"),
        (b"\x00\x09", 2, 9, "has the number 9, the limit is 9"),
        (b"\x00", 1, 0, "the limit is 0"),
        pytest.param(b"\x00", HUGE, 9, "1 bytes for <int> numbers", id="huge"),
    ],
)
def test_number_arrays_are_checked(data: Any, count: int, limit: int, reason: str) -> None:
    """Type, length and range, before anything indexes with them."""
    with pytest.raises(FormatError, match=reason):
        numbers_in(data, count, limit, "numbers")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (packed(None), "is not a column"),
        (packed([]), "is not a column"),
        (packed({}), "is not a column"),
        (packed([9, []]), "unknown coding 9"),
        (packed([[0], []]), "unknown coding <list>"),
        (b"\x92\xc7\xfa\x01" + b"\x7f" * 250 + b"\x90", "unknown coding <int>"),
        (packed([0]), "no table"),
        (packed([0, 1, 2]), "no table"),
        (packed([1]), "no table"),
        (packed([1, {}]), "no table"),
        (packed([1, [1, 2]]), "2 values for 3 rows"),
        (packed([1, [1, 2, 3], b""]), "unknown coding 1 with 2 fields"),
        (packed([2, [1]]), "unknown coding 2 with 1 fields"),
        (packed([2, [1], b"\x00\x00"]), "2 bytes for 3 numbers"),
        (packed([2, [1], b"\x00\x00\x02"]), "number 2, the limit is 2"),
        (packed([2, [1], "\x00\x00\x00"]), "is a str"),
        (packed([3, [1], 0, 0, b""]), "unknown coding 3 with 4 fields"),
        (packed([3, [1], 2, 0, b"", b""]), "common code 2"),
        (packed([3, [1], -1, 0, b"", b""]), "common code -1"),
        (packed([3, [1], True, 0, b"", b""]), "common code True"),
        (packed([3, [1], 0, 4, b"\x00" * 4, b"\x00" * 4]), "4 exceptions for 3 rows"),
        (packed([3, [1], 0, -1, b"", b""]), "-1 exceptions"),
        (packed([3, [1], 0, "1", b"\x00", b"\x00"]), "'1' exceptions"),
        (packed([3, [1], 0, 1, b"\x03", b"\x00"]), "number 3, the limit is 3"),
        (packed([3, [1], 0, 1, b"\x00", b"\x02"]), "number 2, the limit is 2"),
        (packed([3, [1], 0, 1, b"\x00\x00\x00\x00\x00", b"\x00"]), "5 bytes for 1 numbers"),
        (constant(b"bytes"), "not a JSON value"),
        (packed([1, [1, 2, {b"k": 1}]]), "key that is not a string"),
        (b"\x92\x00" + nested(300), "nested deeper"),
    ],
)
def test_bad_columns_are_refused(data: bytes, reason: str) -> None:
    """Unknown codings, wrong types, counts, codes and rows: the error says what and of which column."""
    with pytest.raises(FormatError, match=reason) as caught:
        decode_column(data, 3, "the field")
    assert "the field" in caught.value.reason


@pytest.mark.parametrize("section", [None, [], {"f": 1}, {"f": None}, {b"f": b""}, {"f": b"", b"g": b""}])
def test_a_section_of_columns_maps_names_to_bytes(section: object) -> None:
    """Anything else is refused before a column is looked at."""
    with pytest.raises(FormatError, match="of the tasks"):
        packed_columns_in(section, "the tasks")


def test_a_sparse_column_costs_its_exceptions_not_its_rows() -> None:
    """Twenty bytes that speak for a million rows do not become a million codes."""
    data = packed([3, [0], 0, 1, (999_999).to_bytes(4, "little"), b"\x01"])
    tracemalloc.start()
    column = decode_column(data, 1_000_000, "field")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100_000
    assert column[999_999] is ABSENT and column[999_998] == 0
    assert sum(value is ABSENT for value in column) == 1

"""Canonical MessagePack."""

from __future__ import annotations

from collections import OrderedDict
from enum import Enum
from typing import Any

import msgpack
import pytest
from hypothesis import given

from sched_cache.errors import FormatError, InvalidDagError
from sched_cache.format.messagepack import MAX_DEPTH, canonical, check_json, pack, pack_loosely, unpack
from tests.support.format.documents import json_values
from tests.support.format.exact import assert_same
from tests.support.format.hostile import nested, packed


class Colour(str, Enum):
    """As Airflow's enumerations."""

    RED = "red"


def _round_trip(value: Any) -> Any:
    return unpack(pack(canonical(value, "field", "d")), "value")


@given(json_values)
def test_every_json_value_survives(value: Any) -> None:
    """A result of `json.loads` is restored unchanged, including types and signs of zero."""
    assert_same(_round_trip(value), value)


@pytest.mark.parametrize("exponent", [62, 63, 64, 65, 127, 128, 1000, 100_000])
def test_integers_of_any_size(exponent: int) -> None:
    """Integers beyond 64 bits survive, on both sides of every power of two."""
    for value in (
        (1 << exponent) - 1,
        1 << exponent,
        -(1 << exponent),
        -(1 << exponent) - 1,
        (1 << exponent) + 1,
    ):
        assert _round_trip(value) == value


def test_equal_mappings_give_equal_bytes() -> None:
    """The order in which keys were inserted leaves no trace, at any depth."""
    one = {"a": [{"x": 1, "y": 2}], "b": None}
    other = {"b": None, "a": [{"y": 2, "x": 1}]}
    assert pack(canonical(one, "", None)) == pack(canonical(other, "", None))


def test_numbers_that_python_takes_for_equal_have_different_bytes() -> None:
    """1, 1.0 and True differ, and so do 0.0 and -0.0: for columns they are different values."""
    for coder in (lambda value: pack(canonical(value, "", None)), pack_loosely):
        assert len({coder(value) for value in (1, 1.0, True)}) == 3
        assert coder(0.0) != coder(-0.0)


def test_subclasses_count_as_what_they_are_in_json() -> None:
    """Enumerations that are strings are strings, as keys too; tuples are arrays; any dict is an object."""
    value = OrderedDict([(Colour.RED, (Colour.RED, 1))])
    restored = _round_trip(value)
    assert restored == {"red": ["red", 1]}
    assert type(restored["red"][0]) is str and type(next(iter(restored))) is str


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_numbers_that_are_not_finite_are_refused(value: float) -> None:
    """They are not JSON; the error names the path, however deep they stand."""
    with pytest.raises(InvalidDagError, match="finite") as caught:
        canonical({"a": [{"b": value}]}, "dag", "my dag")
    assert (caught.value.dag_id, caught.value.field) == ("my dag", "dag.a.b")


@pytest.mark.parametrize("value", [b"x", {1}, object(), 1j, msgpack.Timestamp(1), msgpack.ExtType(1, b"x")])
def test_other_types_are_refused(value: object) -> None:
    """Only what JSON knows is stored."""
    with pytest.raises(InvalidDagError, match="not a JSON value"):
        canonical([value], "dag", "d")


@pytest.mark.parametrize("key", [1, None, True, 1.5, b"k", pytest.param(10**5000, id="huge"), (1, 2)])
def test_keys_that_are_not_strings_are_refused(key: object) -> None:
    """JSON objects have string keys; the error says which key, however large it is."""
    with pytest.raises(InvalidDagError, match="is not a string"):
        canonical({"a": {key: 1}}, "dag", "d")


def test_depth_is_bounded() -> None:
    """`MAX_DEPTH` levels are taken and read again, one more is refused, and so is what contains itself."""
    value: Any = []
    for _ in range(MAX_DEPTH - 1):
        value = [value]
    assert _round_trip(value) == value
    with pytest.raises(InvalidDagError, match="nested deeper"):
        canonical([value], "dag", "d")
    value = []
    value.append(value)
    with pytest.raises(InvalidDagError, match="nested deeper"):
        canonical(value, "dag", "d")


@pytest.mark.parametrize("value", [1 << 64, {"k": {1}}, Colour.RED, (1, 2), OrderedDict()])
def test_loose_packing_leaves_what_needs_a_closer_look(value: object) -> None:
    """Anything but exact JSON types is left to `canonical`."""
    assert pack_loosely(value) is None


def test_a_packer_in_use_is_not_used_again() -> None:
    """A mapping whose items are computed while it is packed may pack something itself.

    1. `pack_loosely` begins an array. 2. Its element's `items` packs another value, as another thread could.
    3. Neither must find the bytes of the other in its own.
    """

    class Computed(dict[str, int]):
        def items(self) -> Any:
            assert pack_loosely(["inner"]) == packed(["inner"])
            assert pack(["inner"]) == packed(["inner"])
            return super().items()

    value = ["before", Computed(a=1), "after"]
    assert pack_loosely(value) in (None, packed(["before", {"a": 1}, "after"]))
    assert pack(canonical(value, "", None)) == packed(["before", {"a": 1}, "after"])


def test_packing_goes_on_after_a_failure() -> None:
    """A value that cannot be packed leaves nothing behind for the next."""
    assert pack_loosely(["half", {1, 2}]) is None
    assert pack_loosely([1]) == b"\x91\x01"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "Unpack|OutOfData"),
        (b"\xc1", "MessagePack"),
        (b"\xc0\xc0", "Extra"),
        (b"\x92\x01", "OutOfData|incomplete"),
        (b"\xdd\xff\xff\xff\xff", "MessagePack"),
        (b"\xdf\xff\xff\xff\xff", "MessagePack"),
        (b"\xc6\xff\xff\xff\xff", "MessagePack"),
        (b"\xdb\xff\xff\xff\xffabc", "MessagePack"),
        (b"\xc9\xff\xff\xff\xff\x01", "MessagePack"),
        (b"\xa1\xff", "Unicode"),
        (b"\x81\x01\x02", "key"),
        (b"\xd4\x05\x00", "extension type 5"),
        (nested(2000), "MessagePack"),
        (b"\xd4\xff\x00", "MessagePack"),  # a timestamp of one byte
    ],
)
def test_bad_bytes_are_refused(data: bytes, reason: str) -> None:
    """Every way of not being MessagePack ends in `FormatError`, and the error says what was being read."""
    with pytest.raises(FormatError, match=reason) as caught:
        unpack(data, "the thing")
    assert "the thing" in caught.value.reason or "extension" in caught.value.reason


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ([b"x"], "bytes"),
        ([{"k": [b"x"]}], "bytes"),
        ([{b"k": 1}], "key"),
        ([msgpack.Timestamp(1, 2)], "Timestamp"),
    ],
)
def test_values_that_json_does_not_know_are_refused_on_reading(value: Any, reason: str) -> None:
    """MessagePack can say more than JSON; none of it gets through to a caller."""
    with pytest.raises(FormatError, match=reason):
        check_json([unpack(packed(value), "value")], "value")


def test_depth_is_bounded_on_reading() -> None:
    """Reading stops at the depth that writing keeps, before anything recurses."""
    check_json([unpack(nested(MAX_DEPTH), "value")], "value")
    with pytest.raises(FormatError, match="deeper"):
        check_json([unpack(nested(MAX_DEPTH + 2), "value")], "value")

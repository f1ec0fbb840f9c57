from __future__ import annotations

from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sched_cache.errors import FormatError
from sched_cache.store import MAX_KEY_LENGTH, Pointer, Seq, Version
from sched_cache.store.redis import decode_notification, encode_notification

HASH = "0123456789abcdef0123456789abcdef"

numbers = st.integers(1, 2**63 - 1)
keys = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=250
).filter(lambda key: not key.endswith(" "))


@given(keys, numbers, numbers, st.none() | st.just(HASH))
def test_what_is_sent_is_what_arrives(key: str, one: int, other: int, content_hash: str | None) -> None:
    """This holds for all values that the database can hold."""
    pointer = Pointer(key, Version(min(one, other)), Seq(max(one, other)), content_hash)
    assert decode_notification(encode_notification(pointer)) == pointer


@pytest.mark.parametrize(
    "fields",
    [
        [1, "a", 1, 1],
        [1, "a", 1, 1, HASH, 1],
        [2, "a", 1, 1, HASH],
        [True, "a", 1, 1, HASH],
        [1, b"a", 1, 1, HASH],
        [1, "", 1, 1, HASH],
        [1, "x" * (MAX_KEY_LENGTH + 1), 1, 1, HASH],
        [1, "a\0b", 1, 1, HASH],
        [1, "a ", 1, 1, HASH],
        [1, "a", 0, 1, HASH],
        [1, "a", 2, 1, HASH],
        [1, "a", -1, 1, HASH],
        [1, "a", 1, 2**63, HASH],
        [1, "a", 1.0, 1, HASH],
        [1, "a", True, 1, HASH],
        [1, "a", "1", 1, HASH],
        [1, "a", 1, None, HASH],
        [1, "a", 1, 1, HASH[:-1]],
        [1, "a", 1, 1, HASH.upper()],
        [1, "a", 1, 1, HASH + "\n"],
        [1, "a", 1, 1, HASH.encode()],
        [1, "a", 1, 1, ""],
        [1, "a", 1, 1, {}],
        [1, ["a"], 1, 1, HASH],
        {1: "a"},
        "text",
        5,
        None,
    ],
)
def test_field_out_of_place_is_refused(fields: Any) -> None:
    """Wrong type, wrong range, one too many or too few: nothing of it is believed."""
    with pytest.raises(FormatError):
        decode_notification(msgpack.packb(fields))


@given(st.binary(max_size=80) | st.binary(max_size=60).map(lambda rest: b"\x95\x01\xa1a" + rest))
def test_any_bytes_are_refused_or_well_formed(message: bytes) -> None:
    """No other error, and nothing that a publisher could not have sent."""
    try:
        pointer = decode_notification(message)
    except FormatError:
        return
    assert decode_notification(encode_notification(pointer)) == pointer


@pytest.mark.parametrize(
    "message",
    [
        b"\x91" * 5000,
        b"\xdd\xff\xff\xff\xff",
        b"\xdb\xff\xff\xff\xff",
        b"\xdf\xff\xff\xff\xff",
        "text",
        None,
        5,
    ],
    ids=["deep", "huge array", "huge string", "huge map", "text", "none", "number"],
)
def test_hostile_sizes_are_refused_before_they_cost_anything(message: Any) -> None:
    """Lengths that promise gigabytes, nesting that would overflow a stack."""
    with pytest.raises(FormatError):
        decode_notification(message)

"""Parts as they travel to Redis."""

from __future__ import annotations

import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sched_cache.errors import FormatError
from sched_cache.format import compress, decompress, encode_dag
from tests.support.format.layered import layered_document

PARTS = [
    part
    for n in (0, 5, 200)
    for part in (encode_dag(layered_document(n)).hot, encode_dag(layered_document(n)).cold)
]


@given(st.binary(max_size=2000) | st.sampled_from(PARTS), st.integers(0, 300))
def test_a_part_comes_back(part: bytes, min_bytes: int) -> None:
    """This holds for any size and content. The wire form is at most one byte longer than the part."""
    data = compress(part, min_bytes)
    assert decompress(data, len(part)) == part
    assert len(data) <= len(part) + 1


def test_small_parts_travel_as_they_are() -> None:
    """Below `min_bytes` the time is not spent; the first byte says what was done."""
    assert compress(b"\x00" * 127)[:1] == b"\x00" and compress(b"\x00" * 128)[:1] == b"\x01"
    assert compress(b"\x00" * 127, min_bytes=10)[:1] == b"\x01"
    assert compress(b"") == b"\x00" and decompress(b"\x00", 0) == b""


def test_the_words_of_airflow_are_known_beforehand() -> None:
    """The hot part of a small DAG shrinks much further than by zlib alone."""
    hot = encode_dag(layered_document(5)).hot
    assert len(compress(hot)) < 0.7 * len(zlib.compress(hot, 9))


@pytest.mark.parametrize(
    "data", [compress(b"x" * 5000), compress(b"x" * 5000, 10_000)], ids=["packed", "plain"]
)
def test_the_limit_is_exact(data: bytes) -> None:
    """A part of `max_bytes` is taken, one byte more is refused, and 0 is a limit like any other."""
    assert len(decompress(data, 5000)) == 5000
    for max_bytes in (4999, 1, 0):
        with pytest.raises(FormatError, match=f"limit (is|of) {max_bytes}"):
            decompress(data, max_bytes)


def test_a_bomb_costs_no_more_than_the_limit() -> None:
    """100 KB that would become 100 MB stop at the limit."""
    bomb = compress(b"\x00" * 100_000_000)
    assert len(bomb) < 200_000
    tracemalloc.start()
    try:
        with pytest.raises(FormatError, match="larger than the limit"):
            decompress(bomb, 1_000_000)
        assert tracemalloc.get_traced_memory()[1] < 3_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "data", [b"", b"\x02", b"\xff" * 20, b"\x9bSCD", b"\x01", b"\x01\xff\xff\xff", b"{}"]
)
def test_foreign_bytes_are_refused(data: bytes) -> None:
    """An unknown first byte, and anything behind a known one that is no such data."""
    with pytest.raises(FormatError):
        decompress(data, 1 << 20)


def test_no_truncation_gets_through() -> None:
    """A prefix is never taken for the whole, and nothing may follow it."""
    data = compress(PARTS[2])
    for damaged in (*(data[:length] for length in range(1, len(data))), data + b"\x00"):
        with pytest.raises(FormatError):
            decompress(damaged, 1 << 20)


def test_damage_ends_in_a_refusal_or_in_bytes_within_the_limit() -> None:
    """Every flipped bit: the part's own checksum finds what deflate does not."""
    data = compress(PARTS[2])
    for bit in range(len(data) * 8):
        damaged = bytearray(data)
        damaged[bit >> 3] ^= 1 << (bit & 7)
        try:
            part = decompress(bytes(damaged), 10_000)
        except FormatError:
            continue
        assert len(part) <= 10_000

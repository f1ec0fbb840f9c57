"""The header in front of each part."""

from __future__ import annotations

import struct
from zlib import crc32

import pytest

from sched_cache.errors import FormatError
from sched_cache.format.header import (
    COLD,
    FORMAT_VERSION,
    HEADER_BYTES,
    HOT,
    MAGIC,
    add_header,
    body_of,
    content_hash_of,
    part_digest,
)

BODY = b"some body"


def _header(version: int = FORMAT_VERSION, part: int = HOT, flags: int = 0, length: int = len(BODY)) -> bytes:
    fields = struct.pack("<4sBBHI", MAGIC, version, part, flags, length)
    return fields + struct.pack("<I", crc32(fields + BODY))


def test_the_layout_is_as_documented() -> None:
    """16 little-endian bytes: magic, version, part, flags, length, CRC-32 of those 12 and the body."""
    assert add_header(HOT, BODY) == _header() + BODY
    assert len(_header()) == HEADER_BYTES == 16


@pytest.mark.parametrize("part", [HOT, COLD])
@pytest.mark.parametrize("body", [b"", b"x", b"\x00" * 70_000])
def test_a_body_comes_back(part: int, body: bytes) -> None:
    """The body behind a header is the body that was put there."""
    assert body_of(add_header(part, body), part) == body


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "0 bytes are shorter than the header of 16"),
        (b"\x9bSCD", "4 bytes are shorter"),
        (b'{"__version": 3, "dag": {}}', "magic is .* not a compact DAG"),
        (_header(version=2) + BODY, "format version is 2, this reader knows 1"),
        (_header(version=0) + BODY, "format version is 0, this reader knows 1"),
        (_header(part=COLD) + BODY, "this is part cold, expected hot"),
        (_header(part=7) + BODY, "this is part number 7, expected hot"),
        (_header(flags=0x8000) + BODY, "flags are 0x8000, this reader knows none"),
        (_header(length=8) + BODY, "body is 9 bytes, the header says 8"),
        (_header(length=0xFFFFFFFF) + BODY, "body is 9 bytes, the header says 4294967295"),
        (_header() + b"some b0dy", "checksum does not match"),
    ],
)
def test_a_wrong_header_is_refused_with_what_was_found_and_expected(data: bytes, reason: str) -> None:
    """The reason names the field, what it holds and what it should hold."""
    with pytest.raises(FormatError, match=reason):
        body_of(data, HOT)


def test_every_flipped_bit_is_noticed() -> None:
    """A single wrong bit anywhere in a part, header included, never gets through."""
    data = add_header(HOT, BODY)
    for bit in range(len(data) * 8):
        damaged = bytearray(data)
        damaged[bit >> 3] ^= 1 << (bit & 7)
        with pytest.raises(FormatError):
            body_of(bytes(damaged), HOT)


def test_every_truncation_is_noticed() -> None:
    """No prefix of a part is taken for a part, and nothing may follow it."""
    data = add_header(HOT, BODY)
    for damaged in (*(data[:length] for length in range(len(data))), data + b"\x00"):
        with pytest.raises(FormatError):
            body_of(damaged, HOT)


def test_a_content_hash_is_32_lower_case_digits_of_the_whole_part() -> None:
    """It is the digest in hexadecimal, and depends on the header too."""
    hot = add_header(HOT, BODY)
    assert content_hash_of(hot) == part_digest(hot).hex()
    assert len(content_hash_of(hot)) == 32 and content_hash_of(hot) == content_hash_of(hot).lower()
    assert content_hash_of(hot) != content_hash_of(add_header(COLD, BODY))

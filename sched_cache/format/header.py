"""The header of 16 bytes in front of each part, and the names of contents and parts.

    offset  width  field
    0       4      magic, b"\\x9bSCD"
    4       1      format version
    5       1      part: 1 hot, 2 cold
    6       2      flags, none defined: must be 0
    8       4      length of the body in bytes
    12      4      CRC-32 of the 12 bytes before it and the body

All integers are little-endian. The checksum detects accidental damage; only the content hash detects manipulation.
"""

from __future__ import annotations

from hashlib import blake2b
from struct import Struct
from zlib import crc32

from sched_cache.errors import FormatError

MAGIC = b"\x9bSCD"
FORMAT_VERSION = 1
HOT, COLD = 1, 2
MAX_PART_BYTES = 1 << 30

_PART_NAMES = {HOT: "hot", COLD: "cold"}
_FIELDS = Struct("<4sBBHI")
_CHECKSUM = Struct("<I")
_HEADER = Struct("<4sBBHII")
HEADER_BYTES = _HEADER.size


def part_digest(part: bytes) -> bytes:
    """16 bytes that name this part: BLAKE2b over the whole part, including the header."""
    return blake2b(part, digest_size=16).digest()


def content_hash_of(hot: bytes) -> str:
    """The content hash, 32 lower-case hexadecimal digits.

    The hot part contains the digest of the cold part, so this hash names both, and each part can be checked alone.
    """
    return part_digest(hot).hex()


def length_of(data: bytes) -> int | None:
    """The length of the part at the beginning of `data`, including the header; None if there is no part."""
    if len(data) < HEADER_BYTES or not data.startswith(MAGIC):
        return None
    length: int = _FIELDS.unpack_from(data)[-1]
    return HEADER_BYTES + length


def add_header(part: int, body: bytes) -> bytes:
    """`body` behind its header."""
    fields = _FIELDS.pack(MAGIC, FORMAT_VERSION, part, 0, len(body))
    return fields + _CHECKSUM.pack(crc32(body, crc32(fields))) + body


def body_of(data: bytes, part: int, *, is_checked: bool = False) -> bytes:
    """The body after the header; header and checksum are verified first.

    `is_checked`: the digest of `data` is known to be right, and therefore the checksum, too.

    Raises:
        FormatError: states which field is wrong, what was found and what was expected.
    """
    if len(data) < HEADER_BYTES:
        raise FormatError(f"{len(data)} bytes are shorter than the header of {HEADER_BYTES}")
    magic, version, found_part, flags, length, checksum = _HEADER.unpack_from(data)
    if magic != MAGIC:
        raise FormatError(f"magic is {magic!r}, expected {MAGIC!r}: not a compact DAG")
    if version != FORMAT_VERSION:
        raise FormatError(f"format version is {version}, this reader knows {FORMAT_VERSION}")
    if found_part != part:
        found = _PART_NAMES.get(found_part, f"number {found_part}")
        raise FormatError(f"this is part {found}, expected {_PART_NAMES[part]}")
    if flags:
        raise FormatError(f"flags are {flags:#06x}, this reader knows none")
    body = data[HEADER_BYTES:]
    if length != len(body):
        raise FormatError(f"body is {len(body)} bytes, the header says {length}")
    if not is_checked and checksum != crc32(body, crc32(data[:12])):
        raise FormatError("checksum does not match: the bytes were damaged")
    return body

"""The form of parts in Redis: deflate with a preset dictionary of common words of Airflow's documents.

Most DAGs take a few kilobytes, mostly for field names and default values, which a preset dictionary removes. Wire
form: one byte, then the payload. 0: not compressed. 1: raw deflate with `dictionary_1.bin`, which
`python -m tools.dictionary` wrote. Raw deflate has no checksum: that of the part and its hash detect damage.
"""

from __future__ import annotations

import zlib
from functools import cache
from importlib.resources import files

from sched_cache.errors import FormatError

_PLAIN, _DEFLATE_1 = b"\x00", b"\x01"
_LEVEL = 6
_RAW = -15
"""The value that zlib takes for no header, no checksum and a window of 32 KB."""


@cache
def _dictionary_1() -> bytes:
    # Frozen for wire byte 1: another dictionary gets another byte. Read on first use, because importing does no I/O.
    return files(__package__).joinpath("dictionary_1.bin").read_bytes()


def compress(part: bytes, min_bytes: int = 128) -> bytes:
    """`part` in its wire form, compressed unless it is shorter than `min_bytes` or would not shrink."""
    if len(part) >= min_bytes:
        compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, _RAW, zdict=_dictionary_1())
        packed = compressor.compress(part) + compressor.flush()
        if len(packed) < len(part):
            return _DEFLATE_1 + packed
    return _PLAIN + part


def decompress(data: bytes, max_bytes: int) -> bytes:
    """The part in `data`. Never allocates more than `max_bytes` and a buffer of zlib.

    Raises:
        FormatError: an unknown first byte, damaged data, or a part larger than `max_bytes`.
    """
    kind, payload = data[:1], data[1:]
    if kind == _PLAIN:
        if len(payload) > max_bytes:
            raise FormatError(f"part has {len(payload)} bytes, the limit is {max_bytes}")
        return payload
    if kind != _DEFLATE_1:
        raise FormatError(f"compression {kind!r} is not known to this reader")
    decompressor = zlib.decompressobj(_RAW, zdict=_dictionary_1())
    try:
        # One byte more than allowed: zlib takes 0 as no limit, and does not detect the end at the exact limit.
        part = decompressor.decompress(payload, max_bytes + 1)
    except zlib.error as error:
        raise FormatError(f"compressed part is damaged: {error}") from error
    if len(part) > max_bytes:
        raise FormatError(f"part is larger than the limit of {max_bytes} bytes")
    if not decompressor.eof or decompressor.unused_data:
        raise FormatError("compressed part is truncated, or bytes follow it")
    return part

"""The file format of one DAG: the hot part, then the cold part. The header of each part has its length."""

from __future__ import annotations

from sched_cache.errors import FormatError
from sched_cache.format.header import HEADER_BYTES, MAGIC

_LENGTH = slice(8, 12)  # of the body, in the header


def is_container(data: bytes) -> bool:
    """Whether `data` begins with the header of a part; JSON never does."""
    return data.startswith(MAGIC)


def join(hot: bytes, cold: bytes) -> bytes:
    """Both parts as one byte string."""
    return hot + cold


def split(data: bytes) -> tuple[bytes, bytes | None]:
    """(hot, cold), neither checked yet; cold is None if `data` ends behind the hot part.

    Raises:
        FormatError: not a part, or shorter than its header says.
    """
    if not is_container(data):
        raise FormatError("is not an encoded DAG: it does not begin with a header")
    n_hot = HEADER_BYTES + int.from_bytes(data[_LENGTH], "little")
    if len(data) < n_hot:
        raise FormatError(f"is truncated: {len(data)} bytes, the hot part alone has {n_hot}")
    return data[:n_hot], data[n_hot:] or None

"""Both parts of a content as one byte string, for readers that need both: the hot part, then the cold part.

The header of the hot part has its length. The name of a content is the digest of its hot part, which contains the
digest of the cold part; therefore the name verifies both.
"""

from __future__ import annotations

from sched_cache.errors import FormatError
from sched_cache.format.header import HOT, body_of, content_hash_of, length_of, part_digest
from sched_cache.format.messagepack import unpack

_COLD_DIGEST = 3
"""The position of the digest in the hot body."""


def split(data: bytes) -> tuple[bytes, bytes | None]:
    """(hot part, cold part); the second is None if `data` is a hot part alone."""
    length = length_of(data)
    if length is None or length >= len(data):
        return data, None
    return data[:length], data[length:]


def is_named(data: bytes, digest: str) -> bool:
    """Whether `data` is the part with this digest, or a hot part with this digest followed by its cold part."""
    hot, cold = split(data)
    if cold is not None and content_hash_of(hot) == digest:
        return _belongs(cold, hot)
    return content_hash_of(data) == digest


def sound(data: bytes, content_hash: str, max_bytes: int) -> bytes | None:
    """Both parts if they are intact and no longer than `max_bytes` together, else the hot part; None if that is
    damaged.
    """
    hot, cold = split(data)
    if content_hash_of(hot) != content_hash:
        return None
    return data if cold is not None and len(data) <= max_bytes and _belongs(cold, hot) else hot


def _belongs(cold: bytes, hot: bytes) -> bool:
    try:
        body = unpack(body_of(hot, HOT, is_checked=True), "hot body")
    except FormatError:
        return False
    return isinstance(body, list) and len(body) > _COLD_DIGEST and part_digest(cold) == body[_COLD_DIGEST]

"""The messages of the notification channel: one pointer, as a MessagePack array."""

from __future__ import annotations

import re

import msgpack

from sched_cache.errors import FormatError, InvalidDagError
from sched_cache.store.contract import MAX_KEY_LENGTH, Pointer, Seq, Version, check_key

_LAYOUT = 1
_MAX_NUMBER = 2**63 - 1
_MAX_BYTES = 4 * MAX_KEY_LENGTH + 64
_CONTENT_HASH = re.compile(r"[0-9a-f]{32}")


def encode_notification(pointer: Pointer) -> bytes:
    """`[1, key, version, parsed_seq, content_hash or nil]`."""
    fields = (_LAYOUT, pointer.key, pointer.version, pointer.parsed_seq, pointer.content_hash)
    message: bytes = msgpack.packb(fields)
    return message


def decode_notification(message: bytes) -> Pointer:
    """The pointer in `message`, with every field checked, because any client of Redis may write to the channel.

    A well-formed pointer need not be true: only the database knows the current one.

    Raises:
        FormatError: not a notification of this layout.
    """
    if not isinstance(message, bytes) or len(message) > _MAX_BYTES:
        raise FormatError("notification is too long or not bytes")
    try:
        fields = msgpack.unpackb(message, max_array_len=5, max_map_len=0, max_ext_len=0)
    except (ValueError, msgpack.UnpackException, RecursionError) as error:
        raise FormatError(f"notification is not MessagePack: {error}") from error
    if type(fields) is not list or len(fields) != 5:
        raise FormatError("notification is not an array of five")
    layout, key, version, parsed_seq, content_hash = fields
    if type(layout) is not int or layout != _LAYOUT:
        raise FormatError("notification is not of a known layout")
    if type(version) is not int or type(parsed_seq) is not int or type(key) is not str:
        raise FormatError("notification has fields of other types")
    # A publication that changes the content draws both numbers from the counter; a signal draws only the second.
    if not 1 <= version <= parsed_seq <= _MAX_NUMBER:
        raise FormatError("notification has numbers that no database gave out")
    if content_hash is not None and not (type(content_hash) is str and _CONTENT_HASH.fullmatch(content_hash)):
        raise FormatError("notification names no content hash")
    try:
        check_key(key)
    except InvalidDagError as error:
        raise FormatError("notification names a key that cannot exist") from error
    return Pointer(key, Version(version), Seq(parsed_seq), content_hash)

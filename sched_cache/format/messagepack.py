"""Canonical MessagePack: equal values give equal bytes, and the cost of reading is bounded by the number of bytes."""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite
from typing import Any, Final

import msgpack

from sched_cache.errors import FormatError, InvalidDagError
from sched_cache.format.excerpt import excerpt

MAX_DEPTH = 200
"""The maximum nesting of one value. The deepest example of Airflow has 9 levels; msgpack itself allows 511."""

_BIG_INT = 1
"""Extension type of integers beyond 64 bits: big-endian two's complement."""

_INT64_MIN, _UINT64_MAX = -(1 << 63), (1 << 64) - 1

# JSON may contain lone surrogates, which strict UTF-8 rejects; they must survive the round trip.
_pack_raw = msgpack.Packer(unicode_errors="surrogatepass").pack

# A packer has one buffer. Exact types run no Python code while it is in use, so no other thread can interfere.
_pack_exact_types = msgpack.Packer(unicode_errors="surrogatepass", strict_types=True).pack


def canonical(value: Any, path: str, dag_id: str | None, *, sort_keys: bool = True, depth: int = 0) -> Any:
    """`value` with every mapping in key order and only types that MessagePack represents exactly.

    Args:
        value: a result of `json.loads`; subclasses of str (Airflow's enumerations) count as strings.
        path: the position of the value in the document, for the error.
        sort_keys: if false, mappings keep their order.

    Raises:
        InvalidDagError: not JSON, a number is not finite, or nested deeper than `MAX_DEPTH`.
    """
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return value
    if kind is int:
        if _INT64_MIN <= value <= _UINT64_MAX:
            return value
        return msgpack.ExtType(_BIG_INT, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))
    if kind is float:
        if isfinite(value):
            return value
        raise InvalidDagError(dag_id, path, f"{value!r} is not a finite number")
    if isinstance(value, str):
        return str.__str__(value)
    if depth >= MAX_DEPTH:
        raise InvalidDagError(dag_id, path, f"nested deeper than {MAX_DEPTH} levels")
    if kind is list or kind is tuple:  # JSON has no tuples: json.dumps writes arrays for them
        return [canonical(item, path, dag_id, sort_keys=sort_keys, depth=depth + 1) for item in value]
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise InvalidDagError(dag_id, path, f"key {excerpt(key)} is not a string")
        return {
            str.__str__(key): canonical(
                value[key], f"{path}.{key}", dag_id, sort_keys=sort_keys, depth=depth + 1
            )
            for key in (sorted(value) if sort_keys else value)
        }
    raise InvalidDagError(dag_id, path, f"a {kind.__name__} is not a JSON value")


def pack(value: Any) -> bytes:
    """The bytes of a value that `canonical` returned."""
    packed: bytes = _pack_raw(value)
    return packed


def pack_loosely(value: Any) -> bytes | None:
    """Bytes that differ for unequal values, without sorting or checking them; None if checks are needed.

    The bytes of equal values may differ by the order of keys: use them as a fast first key before `canonical`.
    """
    try:
        packed: bytes = _pack_exact_types(value)
    except (OverflowError, TypeError, ValueError, RecursionError):
        return None
    return packed


def _extension(code: int, data: bytes) -> Any:
    if code == _BIG_INT:
        return int.from_bytes(data, "big", signed=True)
    raise FormatError(f"extension type {code} is not known to this reader")


def unpack(data: bytes, what: str, *, use_list: bool = True) -> Any:
    """The one value in `data`, with arrays as lists, or as tuples.

    A first pass skips over the bytes and finds every length that exceeds the remaining bytes. Therefore no length
    field alone causes an allocation: the result takes at most about 90 bytes per byte of input (an empty array or
    mapping takes one byte of input), and arrays and mappings take at most 256 MB in addition to their elements.

    Raises:
        FormatError: truncated, trailing bytes, nested too deeply, too many containers, or not MessagePack.
    """
    try:
        skipper = msgpack.Unpacker(None, max_buffer_size=max(len(data), 1))
        skipper.feed(data)
        skipper.skip()
        # Counting the bytes that may begin a container is fast. Text that is not ASCII contains such bytes, too.
        if len(data) > _MAX_CONTAINERS and len(data) - len(data.translate(None, _HEADS)) > _MAX_CONTAINERS:
            _check_containers(data, what)
        return msgpack.unpackb(data, ext_hook=_extension, unicode_errors="surrogatepass", use_list=use_list)
    except FormatError:
        raise
    except (ValueError, TypeError, OverflowError, msgpack.exceptions.UnpackException) as error:
        raise FormatError(f"{what} is not valid MessagePack: {type(error).__name__} {error}") from error


_MAX_CONTAINERS: Final = 1 << 20
_FIX_MAPS, _FIX_ARRAYS = range(0x80, 0x90), range(0x90, 0xA0)
_MAPS, _ARRAYS = (0xDE, 0xDF), (0xDC, 0xDD)
_HEADS: Final = bytes((*_FIX_MAPS, *_FIX_ARRAYS, *_MAPS, *_ARRAYS))


def _check_containers(data: bytes, what: str) -> None:
    """Checks the number of arrays and mappings. Cost: a second for a million values."""
    unpacker = msgpack.Unpacker(None, max_buffer_size=len(data))
    unpacker.feed(data)
    n_left, n_containers = 1, 0
    while n_left:
        head = data[unpacker.tell()]
        n_left -= 1
        if head in _FIX_MAPS or head in _MAPS:
            n_left += 2 * unpacker.read_map_header()
        elif head in _FIX_ARRAYS or head in _ARRAYS:
            n_left += unpacker.read_array_header()
        else:
            unpacker.skip()
            continue
        n_containers += 1
        if n_containers > _MAX_CONTAINERS:
            raise FormatError(f"{what} has more than {_MAX_CONTAINERS} arrays and mappings")


_SCALARS: Final = frozenset((str, int, float, bool, type(None)))
_JSON: Final = _SCALARS | {list, dict}


def check_json(values: Iterable[Any], what: str) -> None:
    """Checks that each of the unpacked `values` is one that `canonical` accepts. Cost: a pass over them.

    MessagePack also has byte strings, timestamps and keys that are not strings, and it may be nested too deeply for
    recursion.

    Raises:
        FormatError: one of these occurs.
    """
    for _ in range(MAX_DEPTH + 2):  # one more level than a value may have: sections put values into a mapping
        kinds = set(map(type, values))
        if kinds <= _SCALARS:
            return
        if not kinds <= _JSON:
            names = sorted(kind.__name__ for kind in kinds - _JSON)
            raise FormatError(f"{what} holds a {names[0]}, which is not a JSON value")
        inner: list[Any] = []
        for value in values:
            if type(value) is list:
                inner += value
            elif type(value) is dict:
                if set(map(type, value)) - {str}:
                    raise FormatError(f"{what} holds a key that is not a string")
                inner += value.values()
        values = inner
    raise FormatError(f"{what} is nested deeper than {MAX_DEPTH} levels")

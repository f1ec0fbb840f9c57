"""The memory size of unpacked values."""

from __future__ import annotations

from sys import getsizeof
from typing import Any


def resident_bytes(value: Any) -> int:
    """Bytes of `value` and of everything in it, except the keys of mappings, which are interned and shared.

    Shared small integers, None, True and False are not counted. Cost: linear in the values.
    """
    kind = type(value)
    if kind is str or kind is bytes or kind is float:
        return getsizeof(value)
    if kind is dict:
        return getsizeof(value) + 16 + sum(map(resident_bytes, value.values()))
    if kind is list or kind is tuple:
        return getsizeof(value) + 16 + sum(map(resident_bytes, value))
    if kind is int:
        return 0 if -5 <= value <= 256 else getsizeof(value)
    return 0

"""Equality of JSON values that tells apart what Python's `==` does not."""

from __future__ import annotations

from math import copysign
from typing import Any


def difference(left: Any, right: Any, path: str = "$") -> str | None:
    """Where and how two values differ; None if they are the same JSON.

    1, 1.0 and True are three values, and so are 0.0 and -0.0; the order of keys does not count. An array may
    be a list or a tuple, and a string of any subclass, as `json.dumps` has it.
    """
    if isinstance(left, str) and isinstance(right, str):
        return None if str.__eq__(left, right) else f"{path}: {left!r} is not {right!r}"
    if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        if len(left) != len(right):
            return f"{path}: {len(left)} items are not {len(right)}"
        found = (difference(a, b, f"{path}[{i}]") for i, (a, b) in enumerate(zip(left, right, strict=True)))
        return next(filter(None, found), None)
    if isinstance(left, dict) and isinstance(right, dict):
        if left.keys() != right.keys():
            return f"{path}: the keys {sorted(left.keys() ^ right.keys())} are in one only"
        return next(filter(None, (difference(left[k], right[k], f"{path}.{k}") for k in left)), None)
    if type(left) is not type(right) or left != right:
        return f"{path}: {left!r} is not {right!r}"
    if type(left) is float and copysign(1, left) != copysign(1, right):
        return f"{path}: {left!r} is not {right!r}"
    return None


def assert_same(left: Any, right: Any) -> None:
    """Fails, naming the path, unless both are the same JSON."""
    assert (found := difference(left, right)) is None, found

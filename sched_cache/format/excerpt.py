"""A value from a document or from stored bytes, as an error message shows it."""

from __future__ import annotations

from typing import Any

_MAX_CHARACTERS = 60


def excerpt(value: Any) -> str:
    """`value` in a few words. Never fails, which `repr` does on deep nesting and on very large integers."""
    if isinstance(value, str):
        text = str.__str__(value)
        return repr(text) if len(text) <= _MAX_CHARACTERS else f"{text[:_MAX_CHARACTERS]!r}..."
    kind = type(value)
    if value is None or kind is bool or kind is float or (kind is int and value.bit_length() <= 64):
        return repr(value)
    return f"<{kind.__name__}>"

"""Values from documents or stored bytes, as error messages show them."""

from __future__ import annotations

from typing import Any

_MAX_CHARACTERS = 60


def excerpt(value: Any) -> str:
    """`value` in a few words. Never fails, unlike `repr` for deep nesting and very large integers."""
    if isinstance(value, str):
        text = str.__str__(value)
        return repr(text) if len(text) <= _MAX_CHARACTERS else f"{text[:_MAX_CHARACTERS]!r}..."
    kind = type(value)
    if value is None or kind is bool or kind is float or (kind is int and value.bit_length() <= 64):
        return repr(value)
    return f"<{kind.__name__}>"

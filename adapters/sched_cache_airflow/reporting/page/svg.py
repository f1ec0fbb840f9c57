"""SVG of parts whose number, places and sizes are computed. All other markup of the page is in its templates."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from markupsafe import Markup, escape

Part: TypeAlias = "str | int | float | Iterable[Part] | None"


def joined(*parts: Part) -> Markup:
    """All parts, joined; None is skipped. A plain string is text, so it is escaped."""
    return Markup("").join(_flat(parts))


def tag(name: str, /, *content: Part, **attributes: str | float | bool | None) -> Markup:
    """One element.

    In the name of an attribute, a leading `_` is removed and others become `-`: `_class`, `stroke_width`, `viewBox`. An
    attribute that is None or False is left out, True gives the bare name, and numbers have two decimals.
    """
    opening = name + "".join(_attribute(key, value) for key, value in attributes.items())
    return Markup(f"<{opening}>{joined(*content)}</{name}>")


def _attribute(name: str, value: str | float | bool | None) -> str:
    if value is None or value is False:
        return ""
    shown = name.removeprefix("_").replace("_", "-")
    if value is True:
        return f" {shown}"
    text = value if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".")
    # Escaped even if it is markup, which may contain quotation marks.
    return f' {shown}="{escape(str(text))}"'


def _flat(parts: Iterable[Part]) -> Iterable[Markup]:
    for part in parts:
        if isinstance(part, (str, int, float)):
            yield escape(part)
        elif part is not None:
            yield from _flat(part)

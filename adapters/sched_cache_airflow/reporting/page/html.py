"""Well-formed HTML and SVG: text is escaped unless it was generated here."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import TypeAlias

_VOID = frozenset({"meta", "br", "input", "hr"})


class Html(str):
    """Markup. A plain string is text, and becomes markup by being escaped."""

    __slots__ = ()


Part: TypeAlias = "str | int | float | Iterable[Part] | None"


def html(*parts: Part) -> Html:
    """All parts one after the other; None is nothing."""
    return Html("".join(_texts(parts)))


def tag(name: str, /, *content: Part, **attributes: str | float | bool | None) -> Html:
    """One element.

    Of an attribute's name, a leading `_` is cut off and others become `-`: `_class`, `stroke_width`, `viewBox`. None
    and False leave it out, True is the bare name; numbers lose invisible digits.
    """
    opening = name + "".join(_attribute(key, value) for key, value in attributes.items())
    if name in _VOID:
        return Html(f"<{opening}>")
    return Html(f"<{opening}>{html(*content)}</{name}>")


def _attribute(name: str, value: str | float | bool | None) -> str:
    if value is None or value is False:
        return ""
    shown = name.removeprefix("_").replace("_", "-")
    if value is True:
        return f" {shown}"
    text = value if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".")
    return f' {shown}="{escape(text, quote=True)}"'


def _texts(parts: Iterable[Part]) -> Iterable[str]:
    for part in parts:
        if part is None:
            continue
        if isinstance(part, Html):
            yield part
        elif isinstance(part, (str, int, float)):
            yield escape(str(part), quote=False)
        else:
            yield from _texts(part)

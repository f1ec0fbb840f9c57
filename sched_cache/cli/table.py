"""Tables for people: text to the left, numbers to the right with separators, nothing for None.

The commands of `sched-cache`, the demo and `bench` print theirs with it. It is a few lines, and the libraries that do
the same either let control characters through or bring a terminal toolkit into every environment of Airflow.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from unicodedata import east_asian_width

Cell = str | int | float | None


def render(
    headers: Sequence[str],
    rows: Sequence[Sequence[Cell]],
    indent: int = 0,
    *,
    numeric: Collection[str] = (),
) -> str:
    """`rows` under `headers`, a line each, without trailing spaces. Floats get two decimals.

    `numeric`: headers of further columns that belong to the right, because their texts are quantities.

    Control characters that a terminal might interpret are escaped, because names come from files that may be hostile.
    """
    columns = [[row[number] for row in rows] for number in range(len(headers))]
    aligned: list[list[str]] = []
    for header, cells in zip(headers, columns, strict=True):
        texts = [header, *map(_text, cells)]
        width = max(map(_width, texts))
        is_number = header in numeric or all(
            isinstance(cell, (int, float)) for cell in cells if cell is not None
        )
        aligned.append([_padded(text, width, to_the_right=is_number) for text in texts])
    lines = zip(*aligned, strict=True)
    return "\n".join((" " * indent + "  ".join(line)).rstrip() for line in lines)


def printable(text: str) -> str:
    """`text` with all unprintable characters escaped."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _text(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, str):
        return printable(cell)
    return f"{cell:,.2f}" if isinstance(cell, float) else f"{cell:,}"


def _width(text: str) -> int:
    return len(text) + sum(east_asian_width(character) in "WF" for character in text)


def _padded(text: str, width: int, *, to_the_right: bool) -> str:
    spaces = " " * (width - _width(text))
    return spaces + text if to_the_right else text + spaces

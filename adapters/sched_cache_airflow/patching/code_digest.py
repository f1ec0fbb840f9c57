"""Digests of source code that do not depend on comments, docstrings, blank lines and the indentation of the whole.

The digest is computed from the text, because the dump of a syntax tree differs between versions of Python. This module
needs only the standard library, because the generator of the known code runs it without an installed host.
"""

from __future__ import annotations

import ast
import tokenize
from collections.abc import Iterable, Iterator
from functools import lru_cache
from hashlib import blake2b
from io import StringIO
from typing import Final, NamedTuple

ABSENT: Final = "absent"
"""The digest of a module, class or function that a release does not have."""

UNREADABLE: Final = "unreadable"
"""Stands for the digest of code without available source. No release has it."""

_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
_HOLDS_SUITE: Final = "if 1:\n"
"""Precedes an indented text, so that it can be parsed as it is."""


class _Span(NamedTuple):
    """Part of a text: lines from 1, columns in characters, the end not included."""

    first_line: int
    first_column: int
    last_line: int
    last_column: int

    def is_in(self, other: _Span) -> bool:
        return other[:2] <= self[:2] and self[2:] <= other[2:]


def digest_of(source: str) -> str:
    """The digest of a module, or of one function as it stands in its class.

    Raises:
        SyntaxError: this Python cannot read it.
    """
    return blake2b(bare(source).encode(), digest_size=8).hexdigest()


def bare(source: str) -> str:
    """The text without comments, docstrings and blank lines. Lines inside of strings stay as they are."""
    indent = len(source) - len(source.lstrip(" \t"))
    text = _HOLDS_SUITE + source if indent else source
    lines = _lines(text)
    in_string: set[int] = set()  # lines whose beginning is in a string
    docstrings = list(_docstrings(text, lines))
    comments = [span for span in _comments(text, in_string) if not any(span.is_in(one) for one in docstrings)]
    # From the end, so that the earlier places stay valid.
    for span in sorted([*docstrings, *comments], reverse=True):
        _cut(lines, span, in_string)
    return "".join(_kept_lines(lines, in_string, indent, 1 if indent else 0))


def function_in(source: str, path: str) -> str | None:
    """The text of `Class.function` in the source of its module, decorators included; None if it is not there.

    If it is defined several times, that of the last definition, which takes effect.
    """
    found = list(_functions(_parsed(source).body, path.split(".")))
    if not found:
        return None
    function = found[-1]
    first = min([function.lineno, *(decorator.lineno for decorator in function.decorator_list)])
    return "".join(_lines(source)[first - 1 : function.end_lineno])


@lru_cache(maxsize=1)
def _parsed(source: str) -> ast.Module:
    """Several functions of one module follow each other."""
    return ast.parse(source)


def _lines(text: str) -> list[str]:
    """With their ends. Not `splitlines`, for which a form feed ends a line too."""
    return StringIO(text).readlines()


def _functions(
    body: Iterable[ast.stmt], names: list[str]
) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for statement in body:
        if isinstance(statement, ast.If | ast.Try):
            yield from _functions([*statement.body, *statement.orelse], names)
        elif isinstance(statement, ast.ClassDef) and len(names) > 1 and statement.name == names[0]:
            yield from _functions(statement.body, names[1:])
        elif isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef) and [statement.name] == names:
            yield statement


def _comments(text: str, in_string: set[int]) -> Iterator[_Span]:
    """The comments. Notes in `in_string` the lines in which a string continues."""
    formatted: list[
        int
    ] = []  # lines in which f-strings begin that have not ended: tokens of their own since 3.12
    for token in tokenize.generate_tokens(StringIO(text).readline):
        name = tokenize.tok_name[token.type]
        if name == "COMMENT":
            yield _Span(*token.start, *token.end)
        elif name == "STRING":
            in_string.update(range(token.start[0] + 1, token.end[0] + 1))
        elif name == "FSTRING_START":
            formatted.append(token.start[0])
        elif name == "FSTRING_END":
            in_string.update(range(formatted.pop() + 1, token.end[0] + 1))


def _docstrings(text: str, lines: list[str]) -> Iterator[_Span]:
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, _DOCUMENTED) or not node.body:
            continue
        first = node.body[0]
        if (
            isinstance(first, ast.Expr)
            and isinstance(first.value, ast.Constant)
            and isinstance(first.value.value, str)
        ):
            assert first.end_lineno is not None and first.end_col_offset is not None
            yield _Span(
                first.lineno,
                _column(lines[first.lineno - 1], first.col_offset),
                first.end_lineno,
                _column(lines[first.end_lineno - 1], first.end_col_offset),
            )


def _column(line: str, offset: int) -> int:
    """The column of a byte offset. A syntax tree has byte offsets."""
    return len(line.encode()[:offset].decode())


def _cut(lines: list[str], span: _Span, in_string: set[int]) -> None:
    first, last = span.first_line - 1, span.last_line - 1
    end = lines[last][span.last_column :]
    lines[first] = lines[first][: span.first_column] + end
    for index in range(first + 1, last + 1):
        lines[index] = ""
        in_string.discard(index + 1)


def _kept_lines(lines: list[str], in_string: set[int], indent: int, n_added: int) -> Iterator[str]:
    for number, line in enumerate(lines[n_added:], n_added + 1):
        if number not in in_string:
            margin = len(line) - len(line.lstrip(" \t"))
            line = line[min(indent, margin) :]
        if number + 1 not in in_string:
            line = line.rstrip()
            if not line and number not in in_string:
                continue
            line += "\n"
        yield line

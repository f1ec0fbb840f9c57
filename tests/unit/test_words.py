"""Docstrings and comments name a thing first, and call processes, readers and writers by these names."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[2]
_FOLDERS = ("sched_cache", "adapters", "bench", "tools", "tests/support")
_ALL_FOLDERS = (*_FOLDERS[:-1], "tests")
_PERSONS = re.compile(r"\b(who|whoever|nobody|somebody)\b", re.IGNORECASE)
_CLAUSE = re.compile(r"What(ever)?\b")


def _docstrings(source: str) -> Iterator[tuple[int, str]]:
    """Line and text of every string that is a statement: also those below an attribute."""
    for node in ast.walk(ast.parse(source)):
        if (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            yield node.lineno, node.value.value.strip()


def _comments(source: str) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string.lstrip("# ")


def _persons(source: str) -> Iterator[str]:
    if not _PERSONS.search(source):
        return  # parsing takes much longer
    for line, text in [*_docstrings(source), *_comments(source)]:
        if _PERSONS.search(text):
            yield f"{line}: {text}"


def _clauses(source: str) -> Iterator[str]:
    if "What" not in source:
        return  # parsing takes much longer
    for line, text in _docstrings(source):
        if _CLAUSE.match(text):
            yield f"{line}: {text}"


def _found(folder: str, search: Callable[[str], Iterator[str]]) -> list[str]:
    paths = sorted((_ROOT / folder).rglob("*.py"))
    assert paths
    return [f"{path.relative_to(_ROOT)}:{fault}" for path in paths for fault in search(path.read_text())]


@pytest.mark.parametrize("folder", _ALL_FOLDERS)
def test_no_docstring_begins_with_what(folder: str) -> None:
    assert not _found(folder, _clauses)


@pytest.mark.parametrize("folder", _FOLDERS)
def test_no_process_is_called_a_person(folder: str) -> None:
    assert not _found(folder, _persons)


@pytest.mark.parametrize(
    ("source", "n_faults"),
    [
        ('"""What it returns."""', 1),
        ('def f():\n    """\n    Whatever it returns.\n    """', 1),
        ('x = 1\n"""What x is."""', 1),
        ('"""What is left for whoever comes."""', 2),
        ("x = 1  # Nobody reads this.", 1),
        ('"""A process, whose writer knows what it does."""  # What follows is kept.', 0),
        ('x = "What nobody reads"', 0),
    ],
)
def test_planted_faults_are_found(source: str, n_faults: int) -> None:
    assert len([*_clauses(source), *_persons(source)]) == n_faults

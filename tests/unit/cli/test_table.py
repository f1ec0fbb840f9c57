"""Columns line up, numbers to the right, and no cell can do anything but be read."""

from __future__ import annotations

import pytest

from sched_cache.cli.table import printable, render


def test_text_to_the_left_and_numbers_to_the_right() -> None:
    rows = [("hot", 31_257, 5.4711), ("cold", 7, None), ("very long name", None, 100.0)]
    assert render(("part", "bytes", "%"), rows).splitlines() == [
        "part             bytes       %",
        "hot             31,257    5.47",
        "cold                 7",
        "very long name          100.00",
    ]


def test_quantities_in_texts_stand_to_the_right_on_request() -> None:
    assert render(("seen", "of"), [("2 ms", "a"), ("12 ms", "b")], numeric=("seen",)).splitlines() == [
        " seen  of",
        " 2 ms  a",
        "12 ms  b",
    ]


def test_headers_stand_alone_without_rows() -> None:
    assert render(("a", "b"), []) == "a  b"


def test_wide_characters_take_two_columns() -> None:
    lines = render(("name", "n"), [("日本", 1), ("abcd", 2)]).splitlines()
    assert lines[1] == "日本  1"
    assert lines[2] == "abcd  2"


def test_table_can_be_indented() -> None:
    assert render(("a",), [("x",)], indent=2) == "  a\n  x"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain café", "plain café"),
        ("\x1b[31m", "\\x1b[31m"),
        ("a\nb\tc", "a\\nb\\tc"),
        ("\ud800", "\\ud800"),
    ],
)
def test_what_a_terminal_obeys_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert render(("h",), [(text,)]).splitlines()[1] == shown

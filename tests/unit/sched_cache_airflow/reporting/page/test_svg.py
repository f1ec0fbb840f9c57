from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sched_cache_airflow.reporting.page.svg import joined, tag


class Reader(HTMLParser):
    """The result in a browser: elements with their attributes, and all text."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(document)
        self.close()

    def handle_starttag(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((name, dict(attributes)))

    def handle_data(self, data: str) -> None:
        self.text += data


printable = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1)


@given(printable, printable)
def test_text_stays_text_and_attributes_stay_attributes(text: str, value: str) -> None:
    """The name of a DAG, a host or an error creates no element and ends no attribute."""
    read = Reader(tag("p", text, title=value))
    assert read.elements == [("p", {"title": value})]
    assert read.text == text


def test_markup_is_not_escaped_again() -> None:
    """Markup of this package is used unchanged at any depth."""
    assert joined([tag("b", "<"), ["&", None, 3]]) == "<b>&lt;</b>&amp;3"


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"_class": "a"}, '<i class="a"></i>'),
        ({"stroke_width": 1.0, "viewBox": "0 0 1 1"}, '<i stroke-width="1" viewBox="0 0 1 1"></i>'),
        ({"x": 0.123456, "y": 10}, '<i x="0.12" y="10"></i>'),
        ({"hidden": True, "title": None, "required": False}, "<i hidden></i>"),
    ],
)
def test_attributes(attributes: dict[str, str | float | bool | None], expected: str) -> None:
    """Names as HTML has them, numbers as short as they may be, nothing for None and False."""
    assert tag("i", **attributes) == expected

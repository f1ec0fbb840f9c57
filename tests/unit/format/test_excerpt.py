"""Values in error messages."""

from __future__ import annotations

import pytest

from sched_cache.format.excerpt import excerpt


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "None"),
        (True, "True"),
        (1.5, "1.5"),
        (-7, "-7"),
        ("it", "'it'"),
        ([1], "<list>"),
        ({}, "<dict>"),
    ],
)
def test_small_values_are_shown(value: object, shown: str) -> None:
    """A message shows scalars as they are and only names containers."""
    assert excerpt(value) == shown


def test_no_value_is_too_large_to_show() -> None:
    """`repr` of a large integer or of deep nesting raises, and that of a long text drowns the message."""
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    for value in (10**5000, -(10**5000), deep, "x" * 1_000_000):
        assert len(excerpt(value)) < 80

"""A replacement is of the kind of the original, and a maker may leave the original as it is."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from sched_cache_airflow.patching.known_code import OBSERVES_ONLY
from sched_cache_airflow.patching.replacement import Replacements


def _observed(number: int = 1) -> int:
    return number


setattr(_observed, OBSERVES_ONLY, True)


class Owner:
    function = _observed
    of_class = classmethod(_observed)  # type: ignore[arg-type]  # a number takes the place of the class
    static = staticmethod(_observed)


@pytest.mark.parametrize("name", ["function", "of_class", "static"])
def test_a_function_that_is_left_as_it_is_does_not_wrap_itself(name: str) -> None:
    """Code that follows `__wrapped__` would never end, also after the installation was undone."""
    before = vars(Owner)[name]
    replacements = Replacements()
    replacements.replace(Owner, name, lambda original: original)
    assert vars(Owner)[name] is before
    replacements.undo()
    assert vars(Owner)[name] is before
    assert not hasattr(_observed, "__wrapped__")
    assert getattr(_observed, OBSERVES_ONLY)
    assert inspect.signature(_observed).parameters.keys() == {"number"}


@pytest.mark.parametrize(("name", "kind"), [("of_class", classmethod), ("static", staticmethod)])
def test_a_replaced_method_is_of_its_kind(name: str, kind: type) -> None:
    replacements = Replacements()

    def made(original: Any) -> Any:
        return lambda *arguments: original(*arguments)

    replacements.replace(Owner, name, made)
    try:
        found = vars(Owner)[name]
        assert isinstance(found, kind) and found.__func__ is not _observed
        assert found.__func__.__wrapped__ is _observed
        assert not hasattr(found.__func__, OBSERVES_ONLY)
    finally:
        replacements.undo()

"""The lines of pinned functions: which there are, and which were executed."""

from __future__ import annotations

import sys
from textwrap import dedent
from types import ModuleType
from typing import Any

import pytest

from sched_cache_airflow.certification import pinned_lines
from sched_cache_airflow.certification.pinned_lines import PinnedLine, PinnedLines

_SOURCE = dedent(
    '''
    """A module."""
    LIMIT = 1

    class Dep:
        NAME = "dep"

        def decide(self, number):
            """Has a nested function."""
            def is_small():
                return number < LIMIT

            if is_small():
                return "small"
            numbers = [
                one
                for one in range(number)
                if one
            ]
            return len(numbers)

        def other(self):
            return 1

    def alone(number):
        return number
    '''
)
_FILE = "/made/up/dep.py"


@pytest.fixture
def module() -> Any:
    made = ModuleType("dep")
    exec(compile(_SOURCE, _FILE, "exec"), vars(made))
    return made


def _lines(*paths: str) -> PinnedLines:
    return PinnedLines({"dep": (_FILE, _SOURCE)}, paths)


def _texts(lines: PinnedLines) -> list[str]:
    return [line.text for line in lines.missing()]


def test_a_function_has_its_lines_and_those_of_the_functions_in_it() -> None:
    lines = _lines("dep:Dep.decide")
    assert _texts(lines)[:4] == [
        "def is_small():",
        "return number < LIMIT",
        "if is_small():",
        'return "small"',
    ]
    assert {line.function for line in lines.missing()} == {"dep:Dep.decide"}
    assert lines.n_lines == len(lines.missing())


def test_a_module_has_the_lines_of_its_functions_and_no_other() -> None:
    found = _lines("dep:").missing()
    assert {line.function for line in found} == {"dep:Dep.decide", "dep:Dep.other", "dep:alone"}
    assert not {"LIMIT = 1", 'NAME = "dep"', "class Dep:"} & {line.text for line in found}


def test_a_line_counts_once_however_many_paths_name_it() -> None:
    assert _lines("dep:", "dep:Dep.decide").n_lines == _lines("dep:").n_lines


def test_a_module_that_the_release_does_not_have_has_no_lines() -> None:
    assert _lines("gone:", "gone:Dep.decide").n_lines == 0


def test_lines_with_the_same_text_have_different_names() -> None:
    """An excuse for one of them must not be one for the others."""
    source = dedent(
        """
        def decide(a, b):
            if a:
                return 1
            if b:
                return 1
            if a and b:
                return 1
        """
    )
    names = [line.text for line in PinnedLines({"dep": (_FILE, source)}, ["dep:"]).missing()]
    assert names == [
        "if a:",
        "if a: | return 1",
        "if b:",
        "if b: | return 1",
        "if a and b:",
        "if a and b: | return 1",
    ]


def test_blocks_for_type_checkers_are_not_lines() -> None:
    source = "def decide(a):\n    if TYPE_CHECKING:\n        assert a\n    return a\n"
    lines = PinnedLines({"dep": (_FILE, source)}, ["dep:"])
    assert "assert a" not in _texts(lines) and "return a" in _texts(lines)


def test_executed_lines_are_noted_and_only_within_the_block(module: Any) -> None:
    lines = _lines("dep:")
    module.Dep().other()
    with lines.watched():
        module.Dep().decide(0)
    module.alone(1)
    texts = _texts(lines)
    assert 'return "small"' not in texts and "return number < LIMIT" not in texts
    assert "return len(numbers)" in texts
    assert PinnedLine("dep:Dep.other", "return 1") in lines.missing()
    assert PinnedLine("dep:alone", "return number") in lines.missing()


def test_every_line_can_be_executed(module: Any) -> None:
    """No line is demanded that the interpreter never reports, in as many blocks as it takes."""
    lines = _lines("dep:")
    for number in (0, 3):
        with lines.watched():
            module.Dep().decide(number)
    with lines.watched():
        module.Dep().other()
        module.alone(1)
    assert lines.missing() == []


def test_lines_that_were_executed_earlier_are_taken_over(module: Any) -> None:
    lines, later = _lines("dep:"), _lines("dep:")
    with lines.watched():
        module.Dep().decide(0)
    later.note({**lines.executed(), "/another/file.py": [1]})
    later.note({_FILE: [1, 9_999]})
    assert later.missing() == lines.missing()


def test_the_trace_function_of_a_debugger_is_set_again(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where tracing is not the way of that Python."""
    monkeypatch.setattr(pinned_lines.sys, "version_info", (3, 11))
    before = sys.gettrace()
    lines = _lines("dep:alone")
    with pytest.raises(ZeroDivisionError), lines.watched():
        module.alone(1)
        raise ZeroDivisionError
    assert sys.gettrace() is before
    assert lines.missing() == []

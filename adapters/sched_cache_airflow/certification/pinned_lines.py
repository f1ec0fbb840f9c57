"""The lines of the host's pinned functions, and which of them have been executed.

A line is named by its function and its text, not by its number, so that a list of lines that a scheduler cannot reach
stays valid for releases in which code above them changed. Where a function has a text several times, the name has as
many of the lines above as it takes to tell them apart. Lines of nested functions belong to the outermost one.
Statements of modules and of class bodies are not counted, because they run when the module is imported, nor are blocks
for type checkers, which never run.
"""

from __future__ import annotations

import ast
import inspect
import sys
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from types import CodeType, FrameType
from typing import Any, Final, NamedTuple

_TOOL: Final = 4
"""The id of the tool for `sys.monitoring`, beside those that it reserves for debuggers, coverage and profilers."""


class PinnedLine(NamedTuple):
    """A line of a function. function: `module:Class.function`. text: not indented, perhaps with lines above it."""

    function: str
    text: str


class PinnedLines:
    """The lines of some functions, in the files of their modules.

    sources: module -> (file name of its code objects, source). paths: as in `releases.PinnedCode`: `module:` for all
    functions of a module, `module:Class.function` for one.
    """

    def __init__(self, sources: Mapping[str, tuple[str, str]], paths: Iterable[str]) -> None:
        self._lines: dict[str, dict[int, PinnedLine]] = {}
        self._executed: dict[str, set[int]] = {}
        for path in paths:
            module, _, names = path.partition(":")
            if module not in sources:
                continue
            file, source = sources[module]
            never = _for_type_checkers(source)
            of_file = self._lines.setdefault(file, {})
            for function, code in _functions(compile(source, file, "exec", dont_inherit=True)):
                if not names or function == names:
                    for number, name in _names(sorted(_line_numbers(code) - never), source).items():
                        of_file[number] = PinnedLine(f"{module}:{function}", name)
        for file in self._lines:
            self._executed[file] = set()

    @property
    def n_lines(self) -> int:
        """How many there are."""
        return sum(map(len, self._lines.values()))

    def all(self) -> list[PinnedLine]:
        """Every line, in the order of the files."""
        return [line for lines in self._lines.values() for _, line in sorted(lines.items())]

    def missing(self) -> list[PinnedLine]:
        """The lines that were not executed, in the order of the files."""
        return [
            line
            for file, lines in self._lines.items()
            for number, line in sorted(lines.items())
            if number not in self._executed[file]
        ]

    def executed(self) -> dict[str, list[int]]:
        """The numbers of the executed lines, by file. `note` reads them, in a process that resumes."""
        return {file: sorted(numbers) for file, numbers in self._executed.items()}

    def note(self, executed: Mapping[str, Collection[int]]) -> None:
        """Adds lines that were executed earlier, by the same code."""
        for file, numbers in executed.items():
            if file in self._lines:
                self._executed[file].update(self._lines[file].keys() & set(numbers))

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Notes the lines that this thread executes within the block."""
        watch = _watched_by_monitoring if sys.version_info >= (3, 12) else _watched_by_tracing
        with watch(self._executed, self._lines):
            yield


@contextmanager
def _watched_by_monitoring(
    executed: Mapping[str, set[int]], lines: Mapping[str, Mapping[int, PinnedLine]]
) -> Iterator[None]:
    """Costs little: each line reports once."""
    monitoring: Any = sys.monitoring  # type: ignore[attr-defined, unused-ignore]  # since 3.12

    def note(code: CodeType, number: int) -> Any:
        of_file = executed.get(code.co_filename)
        if of_file is not None and number in lines[code.co_filename]:
            of_file.add(number)
        return monitoring.DISABLE

    monitoring.use_tool_id(_TOOL, "sched_cache")
    try:
        monitoring.register_callback(_TOOL, monitoring.events.LINE, note)
        monitoring.set_events(_TOOL, monitoring.events.LINE)
        monitoring.restart_events()
        yield
    finally:
        monitoring.set_events(_TOOL, monitoring.events.NO_EVENTS)
        monitoring.free_tool_id(_TOOL)


@contextmanager
def _watched_by_tracing(
    executed: Mapping[str, set[int]], lines: Mapping[str, Mapping[int, PinnedLine]]
) -> Iterator[None]:
    """Costs one call for each function that is called. The trace function of a debugger is set again afterwards."""

    def trace(frame: FrameType, _event: str, _value: Any) -> Callable[..., Any] | None:
        of_file = executed.get(frame.f_code.co_filename)
        if of_file is None:
            return None
        wanted = lines[frame.f_code.co_filename]

        def trace_line(inner: FrameType, event: str, _value: Any) -> Callable[..., Any]:
            if event == "line" and inner.f_lineno in wanted:
                of_file.add(inner.f_lineno)
            return trace_line

        return trace_line

    before, thread = sys.gettrace(), threading.current_thread()
    sys.settrace(trace)
    try:
        yield
    finally:
        assert threading.current_thread() is thread
        sys.settrace(before)


def _names(numbers: Sequence[int], source: str) -> dict[int, str]:
    """The text of each line, with as many of the lines above it as it takes to tell it from the others."""
    texts = [line.strip() for line in source.splitlines()]
    names = {number: texts[number - 1] for number in numbers}
    for n_above in range(1, len(numbers)):
        counts = Counter(names.values())
        again = [
            place for place, number in enumerate(numbers) if counts[names[number]] > 1 and place >= n_above
        ]
        if not again:
            break
        for place in again:
            names[numbers[place]] = f"{texts[numbers[place - n_above] - 1]} | {names[numbers[place]]}"
    return names


def _for_type_checkers(source: str) -> set[int]:
    found: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            found.update(range(node.lineno + 1, (node.body[-1].end_lineno or 0) + 1))
    return found


def _functions(code: CodeType, prefix: str = "") -> Iterator[tuple[str, CodeType]]:
    """(dotted name, code) of the functions of a module and of its classes, without those in other functions."""
    for inner in _code_in(code):
        if inner.co_flags & inspect.CO_OPTIMIZED:
            yield prefix + inner.co_name, inner
        else:
            yield from _functions(inner, f"{prefix}{inner.co_name}.")


def _line_numbers(code: CodeType) -> set[int]:
    """The lines on which the interpreter reports events, without those of the `def` and of its decorators."""
    numbers = {number for *_, number in code.co_lines() if number}
    if not code.co_name.startswith("<"):
        numbers -= _head(code)
    for inner in _code_in(code):
        numbers |= _line_numbers(inner)
    return numbers


def _head(code: CodeType) -> set[int]:
    """The line with which the code object begins: no line event in a call of it."""
    return {code.co_firstlineno}


def _code_in(code: CodeType) -> Iterator[CodeType]:
    return (value for value in code.co_consts if isinstance(value, CodeType))


def lines_of_host(paths: Iterable[str]) -> PinnedLines:
    """Those of the host that is installed. Imports its modules; one that it does not have has no lines."""
    paths = tuple(paths)
    sources: dict[str, tuple[str, str]] = {}
    for name in dict.fromkeys(path.partition(":")[0] for path in paths):
        try:
            module = import_module(name)
        except ModuleNotFoundError:
            continue
        sources[name] = inspect.getsourcefile(module) or "", inspect.getsource(module)
    return PinnedLines(sources, paths)

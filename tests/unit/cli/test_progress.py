"""The line that says how far a long command is, and what stays of it."""

from __future__ import annotations

import io

import pytest

from sched_cache.cli import progress
from sched_cache.cli.progress import Progress, StatusLine


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress, "monotonic", clock)
    return clock


def test_what_ends_within_a_second_shows_nothing(clock: Clock) -> None:
    """Neither on the way nor at its end."""
    stream = io.StringIO()
    line = StatusLine(stream)
    clock.now += 0.9
    line.show("half done")
    line.close("done")
    assert stream.getvalue() == ""


def test_a_file_gets_a_line_now_and_then(clock: Clock) -> None:
    """The first after a second, then one in five, and the last state."""
    stream = io.StringIO()
    line = StatusLine(stream)
    for second in range(1, 9):
        clock.now = 100.0 + second
        line.show(f"{second} s")
    line.close("done")
    assert stream.getvalue() == "1 s\n6 s\ndone\n"


def test_a_terminal_has_one_line_that_changes(clock: Clock) -> None:
    """Ten times a second at most; a note pushes it down, and a long state is cut so that it can be replaced."""
    stream = Terminal()
    line = StatusLine(stream)
    for text in ("first", "too soon"):
        clock.now += 1.0 if text == "first" else 0.05
        line.show(text)
    line.note("stays")
    clock.now += 0.1
    line.show("x" * 500)
    line.close("done")
    assert stream.getvalue() == f"\r\x1b[Kfirst\r\x1b[Kstays\n\r\x1b[K{'x' * 118}\r\x1b[Kdone\n"


def test_a_count_tells_its_rate_and_what_is_left(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    """On standard error; standard output is for results."""
    counted = Progress("warming", 4000)
    clock.now += 2.0
    counted.advance(1000)
    counted.close()
    captured = capsys.readouterr()
    state = "warming [######..................] 1,000/4,000  500/s  6 s left"
    assert captured.err.splitlines() == [state, state]
    assert captured.out == ""

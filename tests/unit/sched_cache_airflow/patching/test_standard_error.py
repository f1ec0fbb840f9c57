"""Messages during imports of the host never appear in the output of its commands."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Iterator

import pytest

from sched_cache_airflow.patching.standard_error import say


class Redirected(logging.StreamHandler):  # type: ignore[type-arg]
    """As Airflow 2 has one: its stream is whatever `sys.stdout` is at the moment."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> object:
        return sys.stdout

    @stream.setter
    def stream(self, stream: object) -> None:
        raise AssertionError


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """One below a parent that has all the handlers, as the host's root logger does."""
    parent = logging.getLogger("test_standard_error")
    parent.propagate = False
    parent.setLevel(logging.INFO)
    yield parent.getChild("child")
    parent.handlers.clear()


@pytest.mark.parametrize(
    "handler", [None, Redirected, lambda: logging.StreamHandler(sys.stdout), logging.StreamHandler]
)
def test_one_line_on_standard_error(
    logger: logging.Logger, handler: object, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whether or not the host has set up its logging, and wherever that writes to."""
    if callable(handler):
        assert logger.parent is not None
        logger.parent.addHandler(handler())
    say(logger, logging.WARNING, "stays off:\n  for a reason")
    assert capsys.readouterr() == ("", "WARNING stays off: for a reason\n")


def test_files_get_it_too(logger: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    """With the traceback, and of the level that they want."""
    all_of_it, errors = io.StringIO(), io.StringIO()
    assert logger.parent is not None
    for stream, level in ((all_of_it, logging.NOTSET), (errors, logging.ERROR)):
        handler = logging.StreamHandler(stream)
        handler.setLevel(level)
        logger.parent.addHandler(handler)
    say(logger, logging.WARNING, "stays off", ValueError("why"))
    assert "stays off\nValueError: why" in all_of_it.getvalue()
    assert errors.getvalue() == ""
    assert "why" not in capsys.readouterr().err


def test_less_than_is_wanted_is_not_said(logger: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    say(logger, logging.DEBUG, "is on")
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("closed", [True, False])
def test_it_never_fails(logger: logging.Logger, monkeypatch: pytest.MonkeyPatch, closed: bool) -> None:
    """A daemon may have closed its standard streams."""
    stream = io.StringIO()
    stream.close()
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, stream if closed else None)
    say(logger, logging.WARNING, "stays off")

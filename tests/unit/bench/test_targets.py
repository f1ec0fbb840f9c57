"""The table of promises."""

from __future__ import annotations

import pytest

from bench.targets.__main__ import main
from bench.targets.measures import MEASURES, Row


def test_a_promise_is_kept_up_to_its_limit() -> None:
    """And broken by anything above it."""
    assert Row("a", 20.0, 20.0, "ms").is_kept
    assert not Row("a", 20.1, 20.0, "ms").is_kept


def test_an_unknown_measure_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """Before any server is started, with the names there are."""
    assert main(["visible", "speed"]) == 2
    assert "speed" in capsys.readouterr().err


def test_every_measure_says_what_it_measures() -> None:
    """The name is what a person types; the docstring is all the explanation there is."""
    assert all(measure.__doc__ for measure in MEASURES)

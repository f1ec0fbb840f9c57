"""Code of a host whose source cannot be read."""

from __future__ import annotations

import inspect

import pytest

from sched_cache_airflow.patching.code_digest import ABSENT, UNREADABLE
from sched_cache_airflow.patching.code_table import CodeTable, KnownCode
from sched_cache_airflow.patching.known_code import digests

_MODULE, _FUNCTION, _MISSING = (
    "fractions:",
    "fractions:Fraction.limit_denominator",
    "fractions:Fraction.nothing",
)


def test_code_without_source_is_not_known_and_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where only compiled files are installed: the parts that rest on it stay off, and the rest works."""

    def refuse(code: object) -> str:
        raise OSError("could not get source code")

    found = dict(digests([_FUNCTION]))
    known = KnownCode(CodeTable.of(["3.3.2"], found, {"3.3.2": found}), ["3.3.2"])
    assert known.doubt(found.items()) == ""
    monkeypatch.setattr(inspect, "getsource", refuse)
    assert dict(digests([_MODULE, _FUNCTION, _MISSING])) == {
        _MODULE: UNREADABLE,
        _FUNCTION: UNREADABLE,
        _MISSING: ABSENT,
    }
    assert (
        known.doubt(digests([_FUNCTION])) == "Fraction.limit_denominator is not the code of a known release"
    )

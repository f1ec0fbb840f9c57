"""The doctor says what scheduling decisions rest on, and is not content with a certificate that was withdrawn."""

from __future__ import annotations

import json
import subprocess
from typing import Any
from unittest import mock

import pytest

from sched_cache_airflow.reporting.tried_installation import try_installation

_WITHDRAWN = {"by": "", "words": "its certificate was withdrawn", "is_withdrawn": True}
_NONE = {"by": "", "words": "it has no certificate", "is_withdrawn": False}
_CERTIFIED = {"by": "certificate", "words": "by the certificate of today"}


@pytest.mark.parametrize(
    ("trust", "expected"),
    [
        (_CERTIFIED, [("decisions", True, False), ("installation", True, False)]),
        (_NONE, [("decisions", True, True), ("installation", True, False)]),
        (_WITHDRAWN, [("decisions", False, True), ("installation", True, False)]),
        ({}, [("installation", True, False)]),
    ],
)
def test_the_trust_in_decisions_is_a_finding(trust: Any, expected: list[tuple[str, bool, bool]]) -> None:
    """(what, whether it is well, whether there is advice)."""
    said = json.dumps([True, "", 20, {}, trust])
    done = mock.Mock(spec=subprocess.CompletedProcess, stdout=f"Airflow says something\n\n{said}\n")
    with mock.patch.object(subprocess, "run", return_value=done):
        findings = list(try_installation())
    assert [(one.what, one.is_well, bool(one.advice)) for one in findings] == expected
    if trust:
        assert findings[0].found == trust["words"]

"""A plugin of pytest that notes each running and each failed test at once: `-p tools.noted_tests`.

pytest itself names failures at its end, which a run that is cut off never reaches.
"""

from __future__ import annotations

import os
from typing import Any

NOTES = "STEP_NOTES"
"""The variable that names the file. Without it nothing is noted."""
RUNNING, FAILED = "running", "failed"
_MAX_REASON_LENGTH = 200


def pytest_runtest_logstart(nodeid: str) -> None:
    _note(RUNNING, nodeid)


def pytest_runtest_logreport(report: Any) -> None:
    if report.failed:
        _note(FAILED, f"{report.nodeid} - {_reason(report)}")


def pytest_collectreport(report: Any) -> None:
    if report.failed:
        _note(FAILED, f"{report.nodeid} - {_reason(report)}")


def _reason(report: Any) -> str:
    """The phase and the error of a failure, on one line."""
    crash = getattr(report.longrepr, "reprcrash", None)
    message = str(crash.message if crash is not None else report.longrepr)
    return f"{getattr(report, 'when', 'collect')}: {' '.join(message.split())[:_MAX_REASON_LENGTH]}"


def _note(what: str, nodeid: str) -> None:
    path = os.environ.get(NOTES)
    if path:
        with open(path, "a", encoding="utf-8") as notes:
            notes.write(f"{what} {nodeid}\n")

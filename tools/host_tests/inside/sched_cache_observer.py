"""A plugin of pytest beside Airflow's tests: writes each outcome, and how the plugin under test was used.

It runs in the environment of the tests, whose only modules of ours are this one and, with the plugin, the installed
packages. `SCHED_CACHE_OUTCOMES` names the file: one line of JSON for each test, then one for the process.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from typing import Any

_FILE = os.environ["SCHED_CACHE_OUTCOMES"]
_PID = os.getpid()
_WORST = ("failed", "skipped", "passed")

_phases: dict[str, list[str]] = {}


def pytest_collection_finish(session: Any) -> None:
    """Writes the number of tests."""
    _write({"collected": len(session.items)})


def pytest_collectreport(report: Any) -> None:
    """A file that cannot be imported is a test that fails."""
    if report.failed:
        _write({"test": report.nodeid, "outcome": "failed"})


def pytest_runtest_logreport(report: Any) -> None:
    """Writes the worst of the outcomes of set-up, call and teardown, after the last."""
    outcomes = _phases.setdefault(report.nodeid, [])
    outcomes.append(
        "passed" if hasattr(report, "wasxfail") and report.outcome != "failed" else report.outcome
    )
    if report.when == "teardown" and os.getpid() == _PID:
        del _phases[report.nodeid]
        outcome = next(one for one in _WORST if one in outcomes)
        _write({"test": report.nodeid, "outcome": outcome})


def pytest_sessionfinish() -> None:
    """Writes the use of the plugin."""
    if os.getpid() == _PID:
        _write({"use": _use()})


def _use() -> Mapping[str, Any]:
    if "sched_cache_airflow.policy" not in sys.modules:
        return {"is_loaded": False}
    from sched_cache_airflow.hosts.installed import host_process
    from sched_cache_airflow.patching.status import status
    from sched_cache_airflow.reporting.process_facts import counts_of

    found: dict[str, Any] = {"is_loaded": True, "is_on": bool(status.is_on), "reason": status.reason}
    if status.is_on and status.installed:
        runtime = host_process().runtime()
        counts = counts_of(runtime)
        found |= {
            "n_decided": runtime.fast_path.n_decided,
            "fallbacks": counts["plugin"].get("fallbacks", {}),
        }
        found["n_dags"] = counts["l1"]["hits"] + counts["l1"]["misses"]
    return found


def _write(line: Mapping[str, Any]) -> None:
    with open(_FILE, "a", encoding="utf-8") as file:
        file.write(f"{json.dumps(line)}\n")

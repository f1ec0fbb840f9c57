"""Where `watchfiles` is not installed this is told; `tests/airflow2` has its events."""

from __future__ import annotations

import sys

import pytest

from sched_cache_airflow.watch import EventsUnavailableError, file_events


def test_a_missing_package_is_told_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "watchfiles", None)
    with pytest.raises(EventsUnavailableError, match=r"pip install 'sched-cache\[watch\]'"):
        next(file_events(["/"], 0.05))

"""The report of a process of the host: its identity, the active path, and its counters."""

from __future__ import annotations

import base64
import math
import os
import platform
import re
import time
from collections import deque
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol

from sched_cache.stats import Snapshot, Stats
from sched_cache_airflow.dags.resident_dags import ResidentDags
from sched_cache_airflow.patching.status import Status
from sched_cache_airflow.reporting.hash_queries import hash_queries
from sched_cache_airflow.settings.hold import hold
from sched_cache_airflow.settings.settings import Settings

_UUID = re.compile("[0-9a-f]{32}")
_MAX_SAMPLES = 60
_MAX_RESIDENT = 5_000
TAIL_DIGITS = 8
"""The number of last digits of a version id that reports contain. The first digits are a time, so they are similar."""


class ReportingProcess(Protocol):
    """The state of a process that its reports describe."""

    @property
    def settings(self) -> Settings: ...

    @property
    def contents(self) -> ResidentDags: ...

    @property
    def stats(self) -> Stats: ...

    def snapshot(self) -> Snapshot:
        """All counters of the process."""

    def trust(self) -> Mapping[str, Any]:
        """The trust in scheduling decisions: see `certificates/evidence.py`."""


class ProcessFacts:
    """The facts of this process. Each call also samples a few counters, for the pictures of the last minutes."""

    def __init__(self, component: str, state: ReportingProcess, status: Status) -> None:
        self._component = component
        self._state = state
        self._status = status
        self._started_at = time.monotonic()
        self._samples: deque[list[float]] = deque(maxlen=_MAX_SAMPLES)

    def __call__(self) -> dict[str, Any]:
        state, settings = self._state, self._state.settings
        counts = counts_of(state)
        now = time.monotonic()
        rss_bytes = _rss_bytes()
        l1, used_bytes = counts["l1"], counts["gauges"]["l1_bytes"]
        self._samples.append(
            [round(now - self._started_at, 1), l1["hits"], l1["misses"], used_bytes, rss_bytes]
        )
        resident = resident_tails(state)
        return {
            "component": self._component,
            "host": host_name(),
            "pid": os.getpid(),
            "uptime_seconds": round(now - self._started_at, 1),
            "every_seconds": settings.process_report_seconds,
            "versions": _versions(),
            "is_on": bool(self._status.is_on) and not hold.reason,
            "reason": self._status.reason or hold.reason,
            "installed": list(self._status.installed),
            "left": dict(self._status.left),
            "trust": dict(state.trust()),
            "wrong_options": list(map(str, self._status.wrong)),
            "exclude_dags": list(settings.exclude_dags),
            "has_redis": settings.config.redis_url is not None,
            "l1_max_bytes": settings.config.l1_max_bytes,
            "max_staleness_seconds": settings.config.max_staleness_seconds,
            "rss_bytes": rss_bytes,
            "counts": counts,
            "samples": list(self._samples),
            "resident": base64.b64encode(bytes.fromhex("".join(resident[:_MAX_RESIDENT]))).decode(),
            "is_resident_complete": len(resident) <= _MAX_RESIDENT,
        }


def counts_of(state: ReportingProcess) -> dict[str, dict[str, Any]]:
    """Sections of plain numbers, as in the metrics. A timing is its count and its p50, p99 and max, in seconds."""
    counts = {section: _numbers(values) for section, values in state.snapshot().items()}
    counts["plugin"]["hash_queries"] = hash_queries.n_queries
    age_seconds = time.monotonic() - hash_queries.at if hash_queries.n_queries else None
    counts["gauges"]["hashes_age_seconds"] = age_seconds
    counts["gauges"] |= _numbers(state.stats.snapshot()["gauges"])
    return counts


def resident_tails(state: ReportingProcess) -> list[str]:
    """The last digits of the ids of the versions in memory, without duplicates; only of ids that are UUIDs."""
    keys = (key.removesuffix("+links").replace("-", "") for key in list(state.contents.l1.entries))
    return sorted({key[-TAIL_DIGITS:] for key in keys if _UUID.fullmatch(key)})


def tail_of(version_id: Any) -> bytes:
    """The short form of a version's id in the reports: its last digits, as bytes."""
    return bytes.fromhex(str(version_id).replace("-", "")[-TAIL_DIGITS:])


def _numbers(values: dict[str, Any]) -> dict[str, Any]:
    numbers: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            numbers[name] = {part: value[part] for part in ("count", "p50", "p99", "max")}
        else:
            numbers[name] = value if math.isfinite(value) else None
    return numbers


def host_name() -> str:
    """The name of this machine, as Airflow spells it."""
    from airflow.utils.net import get_hostname

    return str(get_hostname())


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in ("sched-cache", "apache-airflow-core", "apache-airflow"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _rss_bytes() -> int:
    """Resident memory of this process; 0 if the system does not report it."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0

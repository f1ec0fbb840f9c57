"""The reports of all processes, for display."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sched_cache.errors import StoreUnavailableError
from sched_cache.store.sql import SqlStore
from sched_cache_airflow.host_database.connections import as_host_connects
from sched_cache_airflow.settings.settings import Settings
from sched_cache_airflow.settings.wrong_options import in_one_line
from sched_cache_airflow.sharing.owner import CLAIM

_MISSED_BEATS = 3


def max_age_seconds(settings: Settings) -> float:
    """How long a process may be silent before it counts as ended."""
    return max(_MISSED_BEATS * settings.process_report_seconds, 10.0)


def recent_reports(settings: Settings) -> list[tuple[dict[str, Any], float]]:
    """(facts, age in seconds) of every process with a recent report, schedulers first. One query.

    Raises:
        StoreUnavailableError: the database did not answer, or the tables are missing.
    """
    if not settings.shares:
        raise StoreUnavailableError(in_one_line(settings.wrong))
    config, connect = as_host_connects(settings.config)
    store = SqlStore.configured(replace(config, create_tables=False), connect=connect)
    try:
        reports = store.processes.recent(max_age_seconds(settings))
    finally:
        store.close()
    found = ((dict(report.facts), report.seconds_ago) for report in reports if report.key != CLAIM)
    return sorted(found, key=_rank)


_ORDER = ("scheduler", "dag-processor", "triggerer", "api-server", "webserver")


def _rank(report: tuple[dict[str, Any], float]) -> tuple[int, str, str, int]:
    facts = report[0]
    component = str(facts.get("component"))
    place = _ORDER.index(component) if component in _ORDER else len(_ORDER)
    pid = facts.get("pid")
    return place, component, str(facts.get("host")), pid if isinstance(pid, int) else 0

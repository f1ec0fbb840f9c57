"""Airflow 3.3 with the plugin in its default configuration, except for the options that are set here."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace

from ..case import Case
from ..lookup.held_dags import memory_of_bag
from ..loop.metadata_db import metadata_db
from ..loop.plugin_tables import prepare_tables, refuse_hold
from ..services import DATABASE, REDIS
from ..subject import Work

_TABLES = "AIRFLOW__SCHED_CACHE__DATABASE_URL"
_NOBODY_LISTENS = "redis://127.0.0.1:1/0"


@dataclass(frozen=True, slots=True)
class Plugin:
    """`l2`: "redis" for the Redis of the run, "" for none, else a URL.

    The plugin's tables are in a database of their own, because the metadata database is restored before every round,
    which the plugin would treat as a restore from a backup.
    """

    name: str
    title: str
    l2: str
    about: str
    suites: frozenset[str]
    needs: frozenset[str] = frozenset({DATABASE})
    requires: tuple[str, ...] = ("apache-airflow-core==3.3", "sched-cache")
    is_product: bool = True
    is_quick: bool = False

    def environ(self, case: Case, services: Mapping[str, str]) -> Mapping[str, str]:
        url = services[REDIS] if self.l2 == REDIS else self.l2
        return {
            "AIRFLOW__SCHED_CACHE__ENABLED": "True",
            _TABLES: metadata_db(services[DATABASE]).url(f"tables_{self.name}"),
            **({"AIRFLOW__SCHED_CACHE__REDIS_URL": url} if url else {}),
        }

    def open(self, case: Case) -> Work:
        import airflow.jobs.scheduler_job_runner  # noqa: F401  # what a scheduler imports, and the plugin waits for

        from sched_cache_airflow.patching.status import status

        if not status.is_on or not status.installed:
            raise RuntimeError(f"the plugin is not on: {status.reason}")
        prepare_tables(os.environ[_TABLES])
        opened = memory_of_bag(case) if case.suite == "memory" else Work()
        return replace(opened, counters=_counters, settle=_settle)


def _counters() -> dict[str, float]:
    from sched_cache_airflow.hosts.installed import runtime

    refuse_hold()
    stats = runtime().stats
    return {
        "documents_encoded": float(stats.database.contents_read),
        **{f"fallback: {reason}": float(count) for reason, count in stats.fallbacks.items()},
    }


def _settle() -> None:
    from sched_cache_airflow.hosts.installed import runtime

    if not runtime().contents.publisher.drain(timeout_seconds=60):
        raise RuntimeError("contents are still being published after a minute")


_HOST_SUITES = frozenset({"loop", "memory", "restart", "churn", "nodes", "latency", "live"})
_WITHOUT_L2 = frozenset({"loop", "restart", "churn", "nodes", "live"})

SUBJECTS = (
    Plugin(
        "plugin",
        "Airflow 3.3 with sched_cache",
        REDIS,
        "the same Airflow with the plugin switched on, and Redis",
        _HOST_SUITES,
        needs=frozenset({DATABASE, REDIS}),
        is_quick=True,
    ),
    Plugin(
        "plugin_no_l2",
        "Airflow 3.3 with sched_cache, no Redis",
        "",
        "the plugin with the database alone",
        _WITHOUT_L2,
    ),
    Plugin(
        "plugin_l2_down",
        "Airflow 3.3 with sched_cache, Redis down",
        _NOBODY_LISTENS,
        "the plugin is told of a Redis that does not answer",
        frozenset({"loop", "restart"}),
    ),
)

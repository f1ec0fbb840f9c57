"""Airflow 2.11 with the plugin, every option at its default."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace

from ..case import Case
from ..loop.host import environ_of_2
from ..loop.metadata_db import metadata_db
from ..loop.plugin_tables import prepare_tables, refuse_hold
from ..services import DATABASE, HOME, REDIS
from ..subject import Work

_TABLES = "AIRFLOW__SCHED_CACHE__DATABASE_URL"


@dataclass(frozen=True, slots=True)
class PluginOnAirflow2:
    """The plugin with its tables in a database of their own, as on Airflow 3."""

    name: str = "plugin_airflow2"
    title: str = "Airflow 2.11 with sched_cache"
    about: str = "that Airflow with the plugin switched on, and Redis"
    suites: frozenset[str] = frozenset({"loop"})
    requires: tuple[str, ...] = ("apache-airflow==2.11", "sched-cache")
    needs: frozenset[str] = frozenset({DATABASE, REDIS})
    is_product: bool = True
    is_quick: bool = False

    def environ(self, case: Case, services: Mapping[str, str]) -> Mapping[str, str]:
        return {
            **environ_of_2(services[HOME]),
            "AIRFLOW__SCHED_CACHE__ENABLED": "True",
            "AIRFLOW__SCHED_CACHE__REDIS_URL": services[REDIS],
            _TABLES: metadata_db(services[DATABASE]).url(f"tables_{self.name}"),
        }

    def open(self, case: Case) -> Work:
        import airflow.jobs.scheduler_job_runner  # noqa: F401  # what a scheduler imports, and the plugin waits for

        from sched_cache_airflow.hosts.installed import host_process

        host_process().install()  # installed replacements stay
        prepare_tables(os.environ[_TABLES])
        return replace(Work(), counters=_counters, settle=_settle)


def _counters() -> dict[str, float]:
    from sched_cache_airflow.hosts.installed import runtime

    refuse_hold()
    stats = runtime().stats
    return {
        "documents_encoded": float(stats.database.contents_read),
        "decisions": float(runtime().fast_path.n_decided),
        **{f"fallback: {reason}": float(count) for reason, count in stats.fallbacks.items()},
    }


def _settle() -> None:
    from sched_cache_airflow.hosts.installed import runtime

    if not runtime().contents.publisher.drain(timeout_seconds=60):
        raise RuntimeError("contents are still being published after a minute")


SUBJECTS = (PluginOnAirflow2(),)

"""The plugin's state in one process: made at first use, shared by everything that was replaced."""

from __future__ import annotations

import logging
from dataclasses import replace

from sched_cache.dag_cache import DagCache
from sched_cache.exporters.statsd import StatsdExporter
from sched_cache.stats import Stats
from sched_cache.store.sql import SqlStore
from sched_cache_airflow.airflow3.contents import Contents
from sched_cache_airflow.airflow3.fast_path import FastPath
from sched_cache_airflow.airflow3.host_code import HostCode
from sched_cache_airflow.airflow3.install import replacements
from sched_cache_airflow.airflow3.reconcile import Reconciler
from sched_cache_airflow.airflow3.upkeep import Upkeep, upkeep_of
from sched_cache_airflow.conf import Settings
from sched_cache_airflow.fallback import Fallbacks
from sched_cache_airflow.heartbeat import Heartbeat
from sched_cache_airflow.host_settings import host_database_url, settings_of_host
from sched_cache_airflow.per_process import PerProcess

logger = logging.getLogger("sched_cache.airflow")


class Runtime:
    """Settings, tiers and counters of this process."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.stats = Stats()
        self.fallbacks = Fallbacks(self.stats)
        # The DAG objects are kept by `contents`; a second copy of their bytes would serve nobody.
        self.cache = DagCache.open(replace(settings.config, l1_max_bytes=0))
        self.contents = Contents(settings, self.cache, self.stats, self.fallbacks)
        self.reconciler = Reconciler(self.contents)
        self.fast_path = FastPath(settings, self.fallbacks, self.contents, HostCode(replacements.original_of))
        self.shares_database = settings.config.database_url == host_database_url()
        self.upkeep: Upkeep = upkeep_of(self)
        self.heartbeat: Heartbeat | None = None
        self.metrics: StatsdExporter | None = None

    def begin_reports(self, component: str) -> None:
        """Reports on this process from now on, under the name of what it does; once."""
        from sched_cache_airflow.airflow3.metrics import begin_metrics
        from sched_cache_airflow.airflow3.process_facts import ProcessFacts
        from sched_cache_airflow.policy import status

        if component == "scheduler":
            self.upkeep.start()
        self.metrics = self.metrics or begin_metrics(self)
        store, every_seconds = self.cache.store, self.settings.process_report_seconds
        if self.heartbeat is None and every_seconds and isinstance(store, SqlStore):
            self.heartbeat = Heartbeat(store.processes, ProcessFacts(component, self, status), every_seconds)
            self.heartbeat.start()

    def end_reports(self) -> None:
        """Says no more about this process."""
        if self.heartbeat is not None:
            self.heartbeat.stop()
            self.heartbeat = None
        if self.metrics is not None:
            self.metrics.close()
            self.metrics = None

    def close(self) -> None:
        """Ends connections and threads."""
        self.end_reports()
        self.upkeep.close()
        self.contents.close()


_runtime = PerProcess(lambda: Runtime(settings_of_host()))


def runtime() -> Runtime:
    """The one of this process.

    Raises:
        ConfigError: the section `[sched_cache]` is not understood.
    """
    return _runtime.get()


def discard_runtime() -> None:
    """Forgets the state of this process; the next use reads the configuration again."""
    _runtime.discard(Runtime.close)

"""The plugin's state in one process: made at first use, shared by everything that was replaced."""

from __future__ import annotations

import logging
from dataclasses import replace
from threading import Lock

from sched_cache.dag_cache import DagCache
from sched_cache.stats import Stats
from sched_cache_airflow.airflow3.contents import Contents
from sched_cache_airflow.airflow3.reconcile import Reconciler
from sched_cache_airflow.airflow3.settings import settings_of_host
from sched_cache_airflow.conf import Settings
from sched_cache_airflow.fallback import Fallbacks

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

    def close(self) -> None:
        """Ends connections and threads."""
        self.contents.close()


_lock = Lock()
_runtime: Runtime | None = None


def runtime() -> Runtime:
    """The one of this process.

    Raises:
        ConfigError: the section `[sched_cache]` is not understood.
    """
    global _runtime
    if _runtime is None:
        with _lock:
            if _runtime is None:
                _runtime = Runtime(settings_of_host())
    return _runtime


def discard_runtime() -> None:
    """Forgets the state of this process; the next use reads the configuration again."""
    global _runtime
    with _lock:
        if _runtime is not None:
            _runtime.close()
        _runtime = None

"""The plugin's state in one process: made at first use, shared by everything that was replaced."""

from __future__ import annotations

from threading import Lock

from sched_cache.stats import Stats
from sched_cache_airflow.airflow2.settings import settings_of_host
from sched_cache_airflow.conf import Settings
from sched_cache_airflow.fallback import Fallbacks


class Runtime:
    """Settings and counters of this process."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.stats = Stats()
        self.fallbacks = Fallbacks(self.stats)


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
        _runtime = None

"""The plugin's state in one process: made at first use, shared by everything that was replaced."""

from __future__ import annotations

from sched_cache.stats import Stats
from sched_cache_airflow.conf import Settings
from sched_cache_airflow.fallback import Fallbacks
from sched_cache_airflow.host_settings import settings_of_host
from sched_cache_airflow.per_process import PerProcess


class Runtime:
    """Settings and counters of this process."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.stats = Stats()
        self.fallbacks = Fallbacks(self.stats)


_runtime = PerProcess(lambda: Runtime(settings_of_host()))


def runtime() -> Runtime:
    """The one of this process.

    Raises:
        ConfigError: the section `[sched_cache]` is not understood.
    """
    return _runtime.get()


def discard_runtime() -> None:
    """Forgets the state of this process; the next use reads the configuration again."""
    _runtime.discard()

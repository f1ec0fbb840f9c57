"""The plugin's state in one process: made at first use, shared by everything that was replaced."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sched_cache_airflow.fast_path.fast_path import FastPath
from sched_cache_airflow.hosts.airflow2.dags.stored_contents import StoredContents
from sched_cache_airflow.hosts.airflow2.decisions.decisions import Decisions
from sched_cache_airflow.hosts.airflow2.metrics import begin_metrics
from sched_cache_airflow.hosts.airflow2.replacements import replacements
from sched_cache_airflow.patching.known_code import host_code_of
from sched_cache_airflow.process.per_process import PerProcess
from sched_cache_airflow.process.state import ProcessState
from sched_cache_airflow.releases import AIRFLOW_2
from sched_cache_airflow.settings.host_settings import forget_settings, settings_of_host
from sched_cache_airflow.settings.settings import Settings
from sched_cache_airflow.sharing.written_table import written_dag_table


class Runtime(ProcessState):
    """Settings, tiers and counters of this process."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings, StoredContents(), written_dag_table(settings.config), begin_metrics)
        host_code = host_code_of(AIRFLOW_2, replacements.original_of)
        self.fast_path = FastPath(settings, self.fallbacks, Decisions(), self.contents, host_code)

    def reset_counts(self) -> None:
        """Sets to zero what `own_counts` counts."""
        self.fast_path.n_decided = 0
        self.fast_path.shadow.n_compared = self.fast_path.shadow.n_differences = 0

    def own_counts(self) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """What was decided here."""
        shadow = self.fast_path.shadow
        counts = {
            "fast_decisions": self.fast_path.n_decided,
            "decisions_compared": shadow.n_compared,
            "decisions_different": shadow.n_differences,
        }
        return counts, {"fast_path_dags_off": self.fast_path.n_dags_off}


_runtime = PerProcess(lambda: Runtime(settings_of_host()))


def runtime() -> Runtime:
    """The one of this process. What is wrong in the section `[sched_cache]` has cost what it costs before."""
    return _runtime.get()


def discard_runtime() -> None:
    """Forgets the state of this process; the next use reads the configuration again."""
    _runtime.discard(Runtime.close)
    forget_settings()

"""The plugin's state in one process, with the fast path. Created at first use, and shared by all replacements."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from sched_cache_airflow.fast_path.fast_path import FastPath
from sched_cache_airflow.hosts.contract import DECISIONS, AirflowHost
from sched_cache_airflow.patching.known_code import host_code_of
from sched_cache_airflow.process.state import ProcessState
from sched_cache_airflow.settings.settings import Settings


class Runtime(ProcessState):
    """Settings, tiers and counters of this process, and its scheduling decisions."""

    def __init__(
        self, settings: Settings, host: AirflowHost[Any], original: Callable[[Any, str], Any]
    ) -> None:
        super().__init__(settings, host)
        host_code = host_code_of(host.releases, original, partial(host.vocabulary.doubt, DECISIONS))
        self.fast_path = FastPath(settings, self.fallbacks, host.decisions, self.contents, host_code)

    def reset_counts(self) -> None:
        """Resets the counters in `own_counts`."""
        self.fast_path.n_decided = 0
        self.fast_path.shadow.n_compared = self.fast_path.shadow.n_differences = 0

    def own_counts(self) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """The counts of decisions."""
        shadow = self.fast_path.shadow
        counts = {
            "fast_decisions": self.fast_path.n_decided,
            "decisions_compared": shadow.n_compared,
            "decisions_different": shadow.n_differences,
        }
        return counts, {"fast_path_dags_off": self.fast_path.n_dags_off}

"""The state of a process of Airflow 3, where runs are reconciled with contents that were rewritten in place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from sched_cache_airflow.hosts.airflow3.decisions.reconcile import Reconciler
from sched_cache_airflow.hosts.contract import AirflowHost
from sched_cache_airflow.hosts.shared import runtime
from sched_cache_airflow.process.host_process import HostProcess
from sched_cache_airflow.settings.settings import Settings


class Runtime(runtime.Runtime):
    """That of both hosts, and the runs that are known to agree with their content."""

    def __init__(
        self, settings: Settings, host: AirflowHost[Any], original: Callable[[Any, str], Any]
    ) -> None:
        super().__init__(settings, host, original)
        self.reconciler = Reconciler(self.contents)

    def reset_counts(self) -> None:
        """Sets to zero what `own_counts` counts."""
        super().reset_counts()
        self.reconciler.n_compared = self.reconciler.n_reconciled = 0

    def own_counts(self) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """The counts of decisions and of reconciled runs."""
        counts, gauges = super().own_counts()
        return {"runs_reconciled": self.reconciler.n_reconciled, **counts}, gauges


Process: TypeAlias = HostProcess[Runtime]

"""Airflow 2 as the contract of a host describes it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from sched_cache_airflow.certification.loops import HostLoops
from sched_cache_airflow.hosts.airflow2.requests import FolderRequests
from sched_cache_airflow.hosts.airflow2.vocabulary import VOCABULARY
from sched_cache_airflow.hosts.airflow2.writes import DagWrites
from sched_cache_airflow.hosts.contract import (
    AirflowHost,
    HostContents,
    HostDecisions,
    HostRequests,
    HostWrites,
)
from sched_cache_airflow.hosts.patches.airflow2 import PATCHES
from sched_cache_airflow.releases import AIRFLOW_2
from sched_cache_airflow.settings.settings import Settings

if TYPE_CHECKING:
    from sched_cache_airflow.hosts.shared.runtime import Runtime


class Airflow2:
    """Its parts import Airflow when they are first asked for."""

    releases = AIRFLOW_2
    patches = PATCHES
    writes: HostWrites = DagWrites()
    vocabulary = VOCABULARY
    requests: HostRequests = FolderRequests()

    @cached_property
    def contents(self) -> HostContents:
        """Documents, hashes and DAG objects."""
        from sched_cache_airflow.hosts.airflow2.dags.stored_contents import StoredContents

        return StoredContents()

    @cached_property
    def decisions(self) -> HostDecisions:
        """Rows and rules of task instances."""
        from sched_cache_airflow.hosts.airflow2.decisions.decisions import Decisions

        return Decisions()

    @cached_property
    def loops(self) -> HostLoops:
        """Random DAGs and loops over them."""
        from sched_cache_airflow.hosts.airflow2.certification.loops import Loops

        return Loops()

    def weight_rules(self) -> Collection[type[Any]]:
        """The three weight rules of Airflow, which a task selects by name."""
        from airflow.task.priority_strategy import airflow_priority_weight_strategies

        return frozenset(airflow_priority_weight_strategies.values())

    def stats(self) -> Any | None:
        """The class `Stats`."""
        from airflow.metrics.base_stats_logger import NoStatsLogger
        from airflow.stats import Stats

        return None if type(Stats).factory is NoStatsLogger else Stats

    def make_runtime(self, settings: Settings, original: Callable[[Any, str], Any]) -> Runtime:
        """The state that both hosts share."""
        from sched_cache_airflow.hosts.shared.runtime import Runtime

        return Runtime(settings, self, original)


HOST: Final[AirflowHost[Runtime]] = Airflow2()

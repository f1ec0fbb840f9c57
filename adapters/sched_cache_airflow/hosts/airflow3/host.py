"""Airflow 3 as the contract of a host describes it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from sched_cache_airflow.certification.loops import HostLoops
from sched_cache_airflow.hosts.airflow3.requests import BundleRequests
from sched_cache_airflow.hosts.airflow3.vocabulary import VOCABULARY
from sched_cache_airflow.hosts.airflow3.writes import VersionWrites
from sched_cache_airflow.hosts.contract import (
    AirflowHost,
    HostContents,
    HostDecisions,
    HostRequests,
    HostWrites,
)
from sched_cache_airflow.hosts.patches.airflow3 import PATCHES
from sched_cache_airflow.releases import AIRFLOW_3
from sched_cache_airflow.settings.settings import Settings

if TYPE_CHECKING:
    from sched_cache_airflow.hosts.airflow3.runtime import Runtime


class Airflow3:
    """Its parts import Airflow when they are first asked for."""

    releases = AIRFLOW_3
    patches = PATCHES
    writes: HostWrites = VersionWrites()
    vocabulary = VOCABULARY
    requests: HostRequests = BundleRequests()

    @cached_property
    def contents(self) -> HostContents:
        """Documents, hashes and DAG objects."""
        from sched_cache_airflow.hosts.airflow3.dags.stored_contents import StoredContents

        return StoredContents()

    @cached_property
    def decisions(self) -> HostDecisions:
        """Rows and rules of task instances."""
        from sched_cache_airflow.hosts.airflow3.decisions.decisions import Decisions

        return Decisions()

    @cached_property
    def loops(self) -> HostLoops:
        """Random DAGs and loops over them."""
        from sched_cache_airflow.hosts.airflow3.certification.loops import Loops

        return Loops()

    def weight_rules(self) -> Collection[type[Any]]:
        """The three weight rules of Airflow, which a task selects by name."""
        from airflow.task import priority_strategy as rules

        if hasattr(rules, "get_airflow_priority_weight_strategies"):  # since 3.2
            return frozenset(rules.get_airflow_priority_weight_strategies().values())
        return frozenset(rules.airflow_priority_weight_strategies.values())

    def stats(self) -> Any | None:
        """The module `stats`, or the class in it."""
        from sched_cache_airflow.hosts.airflow3 import compat

        return compat.STATS if compat.sends_metrics() else None

    def make_runtime(self, settings: Settings, original: Callable[[Any, str], Any]) -> Runtime:
        """The shared state with a reconciler, because Airflow 3 rewrites versions in place."""
        from sched_cache_airflow.hosts.airflow3.runtime import Runtime

        return Runtime(settings, self, original)


HOST: Final[AirflowHost[Runtime]] = Airflow3()

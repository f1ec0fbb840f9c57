"""The host's client for metrics, as the installed release has it."""

from __future__ import annotations

from inspect import signature
from typing import Any

from sched_cache_airflow.hosts.airflow3.compat import STATS, stats_factory


def initialize() -> None:
    """Has the host make its client by its options of now, without the names of older releases."""
    kind: Any = type(STATS)
    if not hasattr(STATS, "initialize"):  # before 3.2, the class chooses one when it is made
        del kind.factory
        STATS.instance = None
        kind.__init__(STATS)
        return
    takes_names = "export_legacy_names" in signature(STATS.initialize).parameters
    STATS.initialize(factory=stats_factory(), **({"export_legacy_names": False} if takes_names else {}))


def client() -> Any:
    """The one in use."""
    return STATS._get_backend() if hasattr(STATS, "_get_backend") else STATS.instance

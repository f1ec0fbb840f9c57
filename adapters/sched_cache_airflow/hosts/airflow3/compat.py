"""Differences between the supported Airflow 3 releases, detected from the classes and attributes of the host."""

from __future__ import annotations

from inspect import signature
from types import SimpleNamespace
from typing import Any, Final

from airflow._shared.observability.metrics import stats as _stats
from airflow.models import dagbag
from airflow.models.serialized_dag import SerializedDagModel
from airflow.observability.metrics.stats_utils import get_stats_factory

STATS: Final = _stats if hasattr(_stats, "incr") else _stats.Stats
"""The functions by which the host sends metrics: those of a module since 3.3, those of a class before."""


def stats_factory() -> Any:
    """The factory of the host's client for metrics, by its configuration."""
    return get_stats_factory(*([STATS] if signature(get_stats_factory).parameters else []))


BAG: Final = "CachedDBDagBag" if "CachedDBDagBag" in vars(dagbag) else "DBDagBag"
"""The bag of schedulers and API servers. Before 3.3.2, all bags had the same class, with a cache or without."""

CACHE_ENTRY: Final = vars(dagbag).get("_CacheEntry")
"""The class of what the bag keeps of a DAG: with its hash, and when that was confirmed. None before 3.3, whose bag
keeps the DAG itself, and never asks again whether it is current."""

SELECTS_LATEST: Final = hasattr(SerializedDagModel, "_latest_by_version_select")
"""Whether a method makes the statement for the latest rows: since 3.3."""

_Bag: Final = vars(dagbag)[BAG]
_TELLS_OF_CACHE: Final = hasattr(_Bag, "_on_cache_hit")


def count_hit(bag: Any) -> None:
    """Counts a DAG that was in memory in the host's metrics."""
    if _TELLS_OF_CACHE:
        bag._on_cache_hit()
    elif getattr(bag, "_use_cache", False):  # before 3.2.2, a bag limits nothing and counts nothing
        STATS.incr("api_server.dag_bag.cache_hit")


def count_miss(bag: Any) -> None:
    """Counts a DAG that had to be loaded in the host's metrics."""
    if _TELLS_OF_CACHE:
        bag._on_cache_miss()
        bag._on_cache_size(rate=0.1)
    elif getattr(bag, "_use_cache", False):
        STATS.incr("api_server.dag_bag.cache_miss")
        STATS.gauge("api_server.dag_bag.cache_size", len(bag._dags), rate=0.1)


def forget_dags(bag: Any) -> None:
    """Empties a bag, which has a method for that since 3.2.2."""
    (bag.clear_cache if hasattr(bag, "clear_cache") else bag._dags.clear)()


class _Asked(Exception):
    """The database was asked."""


class _Session:
    """A session that raises an error when it is used."""

    def __getattr__(self, name: str) -> Any:
        raise _Asked(name)


def _gets_latest() -> bool:
    run = SimpleNamespace(dag_id="", bundle_version="1", created_dag_version_id=None)
    try:
        _Bag._version_from_dag_run(run, session=_Session())
    except _Asked:
        return True
    return False


LOST_VERSION_IS_LATEST: Final = _gets_latest()
"""Whether a run of a versioned bundle whose own version was deleted resolves to the latest one: since 3.3.2."""


def present(owner: Any, *names: str) -> tuple[Any, ...]:
    """The attributes that a class of the host has, of those that not every release has."""
    return tuple(getattr(owner, name) for name in names if hasattr(owner, name))

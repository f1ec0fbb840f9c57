"""Differences between the supported Airflow 3 releases, detected from the classes and attributes of the host."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Final

from airflow._shared.observability.metrics import stats
from airflow.models import dagbag

BAG: Final = "CachedDBDagBag" if "CachedDBDagBag" in vars(dagbag) else "DBDagBag"
"""The bag of schedulers and API servers. Before 3.3.2, all bags had the same class, with a cache or without."""

_Bag: Final = vars(dagbag)[BAG]
_TELLS_OF_CACHE: Final = hasattr(_Bag, "_on_cache_hit")


def count_hit(bag: Any) -> None:
    """Counts a DAG that was in memory in the host's metrics."""
    if _TELLS_OF_CACHE:
        bag._on_cache_hit()
    elif bag._use_cache:
        stats.incr("api_server.dag_bag.cache_hit")


def count_miss(bag: Any) -> None:
    """Counts a DAG that had to be loaded in the host's metrics."""
    if _TELLS_OF_CACHE:
        bag._on_cache_miss()
        bag._on_cache_size(rate=0.1)
    elif bag._use_cache:
        stats.incr("api_server.dag_bag.cache_miss")
        stats.gauge("api_server.dag_bag.cache_size", len(bag._dags), rate=0.1)


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

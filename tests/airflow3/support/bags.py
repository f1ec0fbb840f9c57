"""Bags of DAGs with a cache, as the installed release makes them."""

from __future__ import annotations

from inspect import signature
from typing import Any


def dag_of_version(bag: Any, version_id: Any, session: Any) -> Any:
    """The DAG of a version, for which bags have a public method since 3.2.2."""
    get_dag = bag.get_dag if hasattr(bag, "get_dag") else bag._get_dag
    return get_dag(version_id, session=session)


def cache_options(stock: type) -> dict[str, Any]:
    """The arguments of a bag with a cache of eight, since 3.3.2 also the name of its metrics; none before 3.2.2."""
    if "cache_size" not in signature(stock).parameters:
        return {}
    options: dict[str, Any] = {"cache_size": 8, "cache_ttl": 60}
    if "stats_prefix" in signature(stock).parameters:
        options["stats_prefix"] = "test"
    return options

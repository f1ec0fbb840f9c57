"""Bags of DAGs with a cache, as the installed release makes them."""

from __future__ import annotations

from inspect import signature
from typing import Any


def cache_options(stock: type) -> dict[str, Any]:
    """The arguments of a bag with a cache of eight: since 3.3.2 also the name of its metrics."""
    options: dict[str, Any] = {"cache_size": 8, "cache_ttl": 60}
    if "stats_prefix" in signature(stock).parameters:
        options["stats_prefix"] = "test"
    return options

"""Statements over the rows of some keys, in pages of keys for one query each."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any

from sqlalchemy import Column, bindparam

from sched_cache.store.contract import why_not_storable

# The oldest SQLite takes 999 parameters.
KEYS_PER_QUERY = 500


def pages(keys: Collection[str]) -> Iterator[list[str]]:
    """The keys in their order, as many at a time as one query accepts, without those that cannot be stored."""
    ordered = [key for key in keys if why_not_storable(key) is None]
    for start in range(0, len(ordered), KEYS_PER_QUERY):
        yield ordered[start : start + KEYS_PER_QUERY]


class KeyedStatement:
    """A statement with a condition on the column `key`.

    It is an equality if there is one key, as in almost all calls: for a list, SQLAlchemy rewrites the statement each
    time, which takes as long as sending a small one.
    """

    def __init__(self, make: Callable[[Any], Any], key: Column[Any]) -> None:
        """
        Args:
            make: returns the statement with this condition.
        """
        self._of_one = make(key == bindparam("key"))
        self._of_many = make(key.in_(bindparam("keys", expanding=True)))

    def pages(self, keys: Collection[str]) -> Iterator[tuple[Any, dict[str, Any]]]:
        """Statements and their parameters, for each page of the keys."""
        for some in pages(keys):
            yield (self._of_one, {"key": some[0]}) if len(some) == 1 else (self._of_many, {"keys": some})

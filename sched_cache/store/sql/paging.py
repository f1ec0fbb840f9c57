"""Pages of keys for one query each."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from sched_cache.store.contract import why_not_storable

# The oldest SQLite takes 999 parameters.
KEYS_PER_QUERY = 500


def pages(keys: Collection[str]) -> Iterator[list[str]]:
    """The keys in their order, as many at a time as one query accepts, without those that cannot be stored."""
    ordered = [key for key in keys if why_not_storable(key) is None]
    for start in range(0, len(ordered), KEYS_PER_QUERY):
        yield ordered[start : start + KEYS_PER_QUERY]

"""Acknowledges fresh contents that a scheduler has in memory."""

from __future__ import annotations

from collections.abc import Callable

from sched_cache.dag_cache import DagCache

_KEYS_PER_ROUND = 200


def acknowledge_in_use(cache: DagCache, is_resident: Callable[[str], bool]) -> int:
    """Acknowledges publications that are in memory here, and removals; how many.

    Publications that no scheduler has in memory stay fresh. One query if nothing is fresh.
    """
    store = cache.store
    fresh = store.fresh(0, _KEYS_PER_ROUND).pointers
    in_use = [pointer for pointer in fresh if pointer.content_hash is None or is_resident(pointer.key)]
    if not in_use:
        return 0
    with store.transaction() as connection:
        return sum(store.acknowledge(connection, pointer.key, pointer.parsed_seq) for pointer in in_use)

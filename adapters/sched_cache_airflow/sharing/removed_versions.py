"""Finds rows of ours whose version the host has removed, and those from before an upgrade of the host."""

from __future__ import annotations

from bisect import bisect_right
from contextlib import suppress

from sched_cache.dag_cache import DagCache
from sched_cache.errors import PublishConflictError
from sched_cache_airflow.host_database.transactions import host_transaction
from sched_cache_airflow.hosts.contract import HostContents

KEYS_PER_SWEEP = 500


class RemovedVersions:
    """Checks all keys, batch by batch. For one thread per process.

    Deletions that a session's events or a trigger noticed are already published.
    """

    def __init__(self, host: HostContents, cache: DagCache) -> None:
        self._host = host
        self._cache = cache
        self._position = ""
        self._settled_seq = 0

    def sweep(self) -> int:
        """Publishes the removal of the missing versions in the next batch; how many. Two or three queries."""
        every = self._cache.keys()
        keys = sorted(key for key in every if self._is_of_this_host(key))
        start = bisect_right(keys, self._position)
        batch = keys[start : start + KEYS_PER_SWEEP]
        self._position = batch[-1] if batch else ""
        if not batch:
            self._purge()
            return 0
        # Read before the query to the host, so that a version that comes back and is published meanwhile stays.
        floors = {key: self._cache.floor(key) for key in batch}
        named = {key: self._host.version_of(key) for key in batch}
        versions = {key: version for key, version in named.items() if version is not None}
        with host_transaction() as connection:
            present = self._host.present(versions.values(), connection)
        n_removed = 0
        for key in batch:
            floor = floors[key]
            if floor is not None and versions.get(key) not in present:
                with suppress(PublishConflictError):
                    self._cache.delete(key, token=floor.parsed_seq)
                    n_removed += 1
        return n_removed

    def _is_of_this_host(self, key: str) -> bool:
        return self._host.version_of(key) is not None or self._host.is_left_over(key)

    def _purge(self) -> None:
        """Removes the tombstones that were acknowledged before this round began."""
        store = self._cache.store
        if self._settled_seq:
            store.purge_tombstones(self._settled_seq)
        self._settled_seq = store.changes_since(2**62).counter

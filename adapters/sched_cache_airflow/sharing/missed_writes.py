"""Finds contents of the host that our tables lack, because their writer died before it published them."""

from __future__ import annotations

from collections.abc import Callable

from sched_cache.dag_cache import DagCache
from sched_cache.errors import FormatError
from sched_cache.format import decode_dag
from sched_cache.store import Pointer
from sched_cache_airflow.dags.resident_dags import HASH_LABEL, ResidentDags
from sched_cache_airflow.host_database.transactions import host_transaction

DAGS_PER_SWEEP = 500
PUBLISHED_PER_SWEEP = 50


class MissedWrites:
    """Compares the current contents of all DAGs, batch by batch. For one thread per process.

    It only saves time: a loop that uses such a DAG would read its content from the host's row, and publish it.

    Args:
        publish: publishes the version with this name.
    """

    def __init__(self, contents: ResidentDags, cache: DagCache, publish: Callable[[str], object]) -> None:
        self._contents = contents
        self._cache = cache
        self._publish = publish
        self._position = ""
        # By key, from this round and the previous one: the hash of our content, and the host's hash of its source.
        self._known: dict[str, tuple[str | None, str | None]] = {}
        self._seen: dict[str, tuple[str | None, str | None]] = {}

    def sweep(self) -> int:
        """Publishes the missed contents of the next batch; how many. Two queries, and one for contents not seen yet."""
        settings, host = self._contents.settings, self._contents.host
        if not settings.publish_contents:
            return 0
        with host_transaction() as connection:
            batch = host.current(self._position, DAGS_PER_SWEEP, connection)
        if not batch:
            self._position, self._known, self._seen = "", self._seen, {}
            return 0
        there = {dag_id: (host.key_of(version_id), dag_hash) for dag_id, version_id, dag_hash in batch}
        pointers = self._cache.store.read_pointers([key for key, _ in there.values()])
        self._learn(pointers)
        n_published = 0
        for dag_id, (key, dag_hash) in there.items():
            pointer = pointers.get(key)
            ours = None if pointer is None else pointer.content_hash
            known = self._known.get(key)
            # A content that cannot be published is not tried again until either side changes.
            if known != (ours, dag_hash) and not settings.excludes(dag_id):
                if n_published == PUBLISHED_PER_SWEEP:
                    return n_published  # the next sweep starts here
                self._publish(str(host.version_of(key)))
                n_published += 1
                known = (ours, dag_hash)
            if known is not None:
                self._seen[key] = known
            self._position = dag_id
        return n_published

    def _learn(self, pointers: dict[str, Pointer]) -> None:
        """Reads the host's hashes of contents that were not seen before."""
        unknown = []
        for key, pointer in pointers.items():
            known = self._known.get(key)
            if pointer.content_hash is not None and (known is None or known[0] != pointer.content_hash):
                unknown.append(key)
        for start in range(0, len(unknown), PUBLISHED_PER_SWEEP):
            found = self._cache.store.read_hot(unknown[start : start + PUBLISHED_PER_SWEEP])
            for key, stored in found.items():
                self._known[key] = stored.pointer.content_hash, _label(stored.data)


def _label(hot: bytes | None) -> str | None:
    if hot is None:
        return None
    try:
        label = decode_dag(hot, None).label(HASH_LABEL)
    except FormatError:
        return None
    return label if isinstance(label, str) else None

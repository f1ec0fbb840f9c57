"""Finds the host's DAG object for a version and hash: in this process, in the shared tiers, in the host's own row."""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from sched_cache.cache import L1
from sched_cache.dag_cache import DagCache
from sched_cache.format import CompactDag, EncodedDag, decode_dag, encode_dag, with_labels
from sched_cache.stats import Stats
from sched_cache_airflow.dags.patience import Patience
from sched_cache_airflow.dags.publisher import Publisher
from sched_cache_airflow.dags.trial import LABEL, Trial
from sched_cache_airflow.host_database.transactions import host_transaction
from sched_cache_airflow.hosts.contract import HostContents, HostDag
from sched_cache_airflow.patching.fallback import Fallbacks
from sched_cache_airflow.patching.guard import NOT_DESERIALIZED, NOT_ENCODED, SHARED_TIERS, falls_back, guard
from sched_cache_airflow.settings.hold import hold
from sched_cache_airflow.settings.settings import Settings

HASH_LABEL = "dag_hash"
_FACTOR_OF_LOADED = 4
"""The estimated size of a loaded DAG, as a multiple of its packed bytes."""
_MEASURED_PER_LOAD = 4
_MEASURED_PER_LOOP = 8
_FEW = 8
"""DAGs of the first request, and of each request after a loss of time: a healthy tier answers within the reserve."""
_PER_READ = 32
"""DAGs per request: so many that the round trip hardly matters, so few that the answer comes soon."""


class ResidentDags:
    """The DAGs of this process by version and hash, for all bags of the process. Safe for threads.

    The hash comes from the host's own row, so an entry with another content is a miss, and no look-up returns an
    outdated DAG. `None` means that the host's own path must be taken. A DAG that is returned can be deserialized in
    this process, and all data that it needs is in memory.
    """

    def __init__(
        self,
        host: HostContents,
        settings: Settings,
        cache: DagCache,
        stats: Stats,
        fallbacks: Fallbacks,
        *,
        shares_database: bool = True,
    ) -> None:
        self.host = host
        self.settings = settings
        self._cache = cache
        self._fallbacks = fallbacks
        self.stats = stats
        self._patience = Patience(cache.budget, is_bounded=not shares_database)
        self.publisher = Publisher(cache)
        config = settings.config
        self.l1: L1[Any] = L1(config.l1_max_bytes, config.l1_max_entries, stats.l1)
        self._trial = Trial(host.fields)
        self._not_ours: set[tuple[Any, str, bool]] = set()

    def resident(self, version_id: Any, dag_hash: str, load_op_links: bool) -> Any:
        """The DAG if this process has it. No lock, no query."""
        entry = self.l1.entries.get(self._key(version_id, load_op_links))
        if entry is None or entry.content_hash != self._name(version_id, dag_hash, load_op_links):
            return None
        resident = entry.resident
        resident.stamp = self.l1.order.tick
        self.stats.l1.hits += 1
        return resident.dag

    def _is_resident(self, version_id: Any, dag_hash: str, load_op_links: bool) -> bool:
        entry = self.l1.entries.get(self._key(version_id, load_op_links))
        return entry is not None and entry.content_hash == self._name(version_id, dag_hash, load_op_links)

    def get(self, version_id: Any, dag_hash: str, load_op_links: bool, session: Session | Connection) -> Any:
        """The DAG of a version whose content has this hash; None if the host has to read it itself.

        `session` is asked for the host's row if no tier has the content.
        """
        dag = self.resident(version_id, dag_hash, load_op_links)
        if dag is not None:
            return dag
        if hold.reason or (version_id, dag_hash, load_op_links) in self._not_ours:
            return None
        self.stats.l1.misses += 1
        compact = self._other_form(version_id, dag_hash, load_op_links)
        if compact is None:
            compact = self._shared(version_id, dag_hash)
        if compact is None:
            found = self._from_host(version_id, session, load_op_links)
            if found is None:
                return None
            compact, dag_hash = found
        dag = self._dag_of(compact, load_op_links)
        if dag is None:
            self._remember_not_ours(version_id, dag_hash, load_op_links)
            return None
        self._keep(version_id, dag_hash, load_op_links, dag)
        return dag

    def tend(self) -> None:
        """Keeps the bookkeeping of resident DAGs correct, and frees DAGs that were unused for a while.

        The scheduler calls this in every loop, because DAGs grow while they are used, even if none is loaded.
        """
        self.l1.measure(_MEASURED_PER_LOOP, _renewed)

    def prefetch(self, hashes: Mapping[Any, str | None]) -> None:
        """Loads the missing ones of these versions from the shared tiers, many per round trip.

        `get` loads those that the tiers do not have. For the scheduler, so without operator links.

        Args:
            hashes: by version id.
        """
        if not hashes or hold.reason:
            return
        missing = {
            self.host.key_of(version_id): (version_id, dag_hash)
            for version_id, dag_hash in hashes.items()
            if dag_hash is not None
            and (version_id, dag_hash, False) not in self._not_ours
            and not self._is_resident(version_id, dag_hash, load_op_links=False)
        }
        if len(missing) < 2:
            return  # `get` does that
        keys = list(missing)
        start = 0
        while start < len(keys):
            end = start + (_PER_READ if start and self._patience.is_full else _FEW)
            if not self._prefetch({key: missing[key] for key in keys[start:end]}):
                return
            start = end

    def _prefetch(self, missing: Mapping[str, tuple[Any, str]]) -> bool:
        """Loads those that the shared tiers have; whether the tiers answered."""

        def ask() -> tuple[dict[str, CompactDag], Collection[str]]:
            found = {
                key: compact
                for key, compact in self._cache.get_many(missing).items()
                if compact is not None and compact.label(HASH_LABEL) == missing[key][1]
            }
            return found, self._cache.keep_cold(found)

        try:
            found, complete = self._patience.ask(ask, len(missing))
        except Exception as error:
            if not falls_back(error, SHARED_TIERS, self._fallbacks.note):
                raise
            return False
        for key in complete:
            version_id, dag_hash = missing[key]
            dag = self._dag_of(found[key], load_op_links=False)
            if dag is not None:
                self.stats.l1.misses += 1
                self._keep(version_id, dag_hash, False, dag)
        return True

    def _dag_of(self, compact: CompactDag, load_op_links: bool) -> HostDag | None:
        """The host's object, which was tried; None for a DAG that the host has to read itself.

        The host's own path may then raise an error, where the host expects it.
        """
        if self.settings.excludes(compact.dag_id):
            return None
        with guard(NOT_DESERIALIZED, self._fallbacks.note):
            dag = self.host.dag_of(compact, load_op_links=load_op_links)
            if dag is not None:
                self._trial.check(dag)
            return dag
        return None

    def _other_form(self, version_id: Any, dag_hash: str, load_op_links: bool) -> CompactDag | None:
        """The same content, if this process has it for the other value of `load_op_links`."""
        entry = self.l1.entries.get(self._key(version_id, not load_op_links))
        if entry is not None and entry.content_hash == self._name(version_id, dag_hash, not load_op_links):
            compact: CompactDag = entry.dag.compact
            return compact
        return None

    def _shared(self, version_id: Any, dag_hash: str) -> CompactDag | None:
        """The content that a node has published, from Redis or our tables, if it has this hash."""
        key = self.host.key_of(version_id)

        def ask() -> CompactDag | None:
            for is_last in (False, True):
                compact = self._cache.get(key)
                found = (
                    {key: compact} if compact is not None and compact.label(HASH_LABEL) == dag_hash else {}
                )
                if self._cache.keep_cold(found):
                    return found[key]
                if not is_last:
                    # It may have been published a moment ago, which one query finds out.
                    self._cache.certify()
            return None

        with guard(SHARED_TIERS, self._fallbacks.note):
            return self._patience.ask(ask)
        return None

    def _from_host(
        self, version_id: Any, session: Session | Connection, load_op_links: bool
    ) -> tuple[CompactDag, str] | None:
        """The present content of the host's row, with its hash, encoded for other processes."""
        # Read before the row: everything that another process publishes after this is newer than the row.
        floor = self._cache.floor(self.host.key_of(version_id))
        started = time.monotonic()
        found = self.host.read(version_id, session)
        if found is None:
            return None
        document, dag_hash = found
        self.stats.database.contents_read += 1
        try:
            encoded, compact = self._encode(document, dag_hash, load_op_links)
            self._patience.host_took(time.monotonic() - started)
        except Exception as error:
            if not falls_back(error, NOT_ENCODED, self._fallbacks.note):
                raise
            for with_links in (False, True):
                self._remember_not_ours(version_id, dag_hash, with_links)
            return None
        if encoded is not None and self._shares(encoded):
            self.publisher.submit(
                self.host.key_of(version_id),
                encoded,
                floor.parsed_seq if floor else 0,
                lambda: self._is_current(version_id, dag_hash),
            )
        return compact, dag_hash

    def _is_current(self, version_id: Any, dag_hash: str) -> bool:
        """Whether the host's row has this hash now. Runs on a thread of ours, in a transaction of its own."""
        with host_transaction() as connection:
            return self.host.hash_of(version_id, connection) == dag_hash

    def encoded_to_share(self, document: dict[str, Any], dag_hash: str) -> EncodedDag | None:
        """The form of this content for other nodes; None for a DAG that is not ours.

        Raises:
            InvalidDagError: the host's document cannot be encoded.
        """
        # With or without links like the other threads, because the host has one switch for all of them.
        encoded, _ = self._encode(document, dag_hash, self.host.fields.loads_links)
        return encoded if encoded is not None and self._shares(encoded) else None

    def _shares(self, encoded: EncodedDag) -> bool:
        return self.settings.publish_contents and not self.settings.excludes(encoded.dag_id)

    def floor(self, version_id: Any) -> object:
        """The latest answer of the shared tiers about a version: the same object until there is a new answer."""
        return self._cache.floor(self.host.key_of(version_id))

    def drop(self) -> None:
        """Drops every DAG. While there is a `hold`, none is loaded again."""
        self.l1.clear()

    def is_resident(self, key: str) -> bool:
        """Whether this process has a content of the version with this key."""
        return key in self.l1.entries or f"{key}+links" in self.l1.entries

    def resident_dag_ids(self, load_op_links: bool) -> set[str]:
        """The DAGs with a content in this process, in the form for this value of `load_op_links`."""
        residents = [(key, entry.dag) for key, entry in list(self.l1.entries.items())]
        return {dag.compact.dag_id for key, dag in residents if key.endswith("+links") == load_op_links}

    def _encode(
        self, document: dict[str, Any], dag_hash: str, load_op_links: bool
    ) -> tuple[EncodedDag | None, CompactDag]:
        """(the shared form, None if this process cannot deserialize the content; the form that this process reads)."""
        # The order of keys is kept, because the API shows it.
        encoded = encode_dag(document, labels={HASH_LABEL: dag_hash}, sort_keys=False)
        try:
            # An object for the trial alone, because a trial unpacks much that readers leave packed.
            tried = decode_dag(encoded.hot, encoded.cold, content_hash=encoded.content_hash, is_checked=True)
            dag = self.host.dag_of(tried, load_op_links=load_op_links)
            label = None if dag is None else self._trial.label(dag, document)
        except Exception as error:
            if not falls_back(error, NOT_DESERIALIZED, self._fallbacks.note):
                raise
            return None, _decoded(encoded)
        if label is not None:
            encoded = with_labels(encoded, {LABEL: label})
        return encoded, _decoded(encoded)

    def _keep(self, version_id: Any, dag_hash: str, load_op_links: bool, dag: HostDag) -> None:
        key = self._key(version_id, load_op_links)
        # Measuring a DAG takes as long as loading it, so DAGs are measured in turn.
        nbytes = _FACTOR_OF_LOADED * dag.compact.packed_nbytes
        with self.l1.lock:
            self.l1.discard(key)
            if hold.reason:
                return  # the hold began after this load did
            self.l1.put(key, 0, self._name(version_id, dag_hash, load_op_links), dag, nbytes)
        if self.l1.is_tight:
            self.l1.measure(_MEASURED_PER_LOAD)

    def _remember_not_ours(self, version_id: Any, dag_hash: str, load_op_links: bool) -> None:
        if len(self._not_ours) > 10_000:
            self._not_ours.clear()
        self._not_ours.add((version_id, dag_hash, load_op_links))

    def _key(self, version_id: Any, load_op_links: bool) -> str:
        key = self.host.key_of(version_id)
        return f"{key}+links" if load_op_links else key

    @staticmethod
    def _name(version_id: Any, dag_hash: str, load_op_links: bool) -> str:
        return f"{version_id} {dag_hash} {load_op_links}"

    def close(self) -> None:
        """Ends connections and threads."""
        self._cache.close()


def _decoded(encoded: EncodedDag) -> CompactDag:
    compact = decode_dag(encoded.hot, content_hash=encoded.content_hash, is_checked=True)
    compact.keep_cold(encoded.cold, is_checked=True)
    return compact


def _renewed(dag: HostDag) -> HostDag:
    return dag.renewed()


def document_of(data: Any, compressed: bytes | None) -> dict[str, Any] | None:
    """The document of a row of the host, which keeps it as JSON, as text or compressed; None if it is none of these."""
    document = json.loads(zlib.decompress(compressed)) if compressed else data
    if isinstance(document, str):
        document = json.loads(document)
    return document if isinstance(document, dict) else None

"""The entries of the host's bag of DAGs, over the DAGs that are resident in this process."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Any, NamedTuple

from sched_cache_airflow.dags.resident_dags import ResidentDags
from sched_cache_airflow.hosts.airflow3.compat import CACHE_ENTRY


class Confirmation(NamedTuple):
    """When the database was last known to have which hash for a version, by the monotonic clock."""

    dag_hash: str
    at: float


class BagEntries(MutableMapping[Any, Any]):
    """The bag's `_dags`: version id to what the host keeps of its DAG, for the DAGs that are resident.

    Our DAGs are in the L1 of the process, which limits them in bytes and may evict one at any time. This mapping has
    the last confirmed hash of each, and the time of the confirmation. DAGs from the host's own path are in its cache.
    """

    def __init__(self, stock: MutableMapping[Any, Any], contents: ResidentDags, load_op_links: bool) -> None:
        self.stock = stock
        self._contents = contents
        self._load_op_links = load_op_links
        self._confirmed: dict[Any, tuple[Confirmation, object]] = {}
        self._hashes: dict[Any, str] = {}  # of DAGs in `stock`, where the host does not keep that itself

    def confirm(self, version_id: Any, dag_hash: str, now: float, floor: object) -> None:
        """Notes that the version had this hash at `now` or later.

        floor: the answer of the shared tiers about the version before the query.
        """
        self._confirmed[version_id] = Confirmation(dag_hash, now), floor
        if len(self._confirmed) > 2 * len(self._contents.l1) + 1_000:
            for other in list(self._confirmed):
                if other not in self:
                    self._confirmed.pop(other, None)

    def is_still_at(self, version_id: Any, floor: object) -> bool:
        """Whether no change of the version was announced since it was confirmed."""
        confirmed = self._confirmed.get(version_id)
        return confirmed is None or confirmed[1] is floor

    def confirmation(self, version_id: Any) -> Confirmation | None:
        """That of a DAG that is here: the host's, of what it keeps itself, or ours."""
        entry = self.stock.get(version_id)
        if entry is not None and CACHE_ENTRY is not None:
            return Confirmation(entry.dag_hash, entry.last_validated)
        confirmed = self._confirmed.get(version_id)
        return None if confirmed is None or version_id not in self else confirmed[0]

    def keep_only(self, version_id: Any, dag_hash: str | None) -> None:
        """Removes the copies of a version that are not known to have this hash: the host's own, and ours."""
        entry = self.stock.get(version_id)
        if entry is not None:
            known = self._hashes.get(version_id) if CACHE_ENTRY is None else entry.dag_hash
            if known != dag_hash:
                self.stock.pop(version_id, None)
        confirmed = self._confirmed.get(version_id)
        if confirmed is not None and confirmed[0].dag_hash != dag_hash:
            self._confirmed.pop(version_id, None)

    def note_hash(self, version_id: Any, dag_hash: str) -> None:
        """Notes the hash that was current before the host put its own copy here."""
        if CACHE_ENTRY is not None:
            return
        self._hashes[version_id] = dag_hash
        if len(self._hashes) > 2 * len(self.stock) + 1_000:
            for other in list(self._hashes):
                if other not in self.stock:
                    self._hashes.pop(other, None)

    def __getitem__(self, version_id: Any) -> Any:
        if version_id in self.stock:
            return self.stock[version_id]
        confirmed, _ = self._confirmed[version_id]
        dag = self._contents.resident(version_id, confirmed.dag_hash, self._load_op_links)
        if dag is None:
            raise KeyError(version_id)
        return dag if CACHE_ENTRY is None else CACHE_ENTRY(dag, *confirmed)

    def __setitem__(self, version_id: Any, entry: Any) -> None:
        self._hashes.pop(version_id, None)
        self.stock[version_id] = entry

    def __delitem__(self, version_id: Any) -> None:
        self._hashes.pop(version_id, None)
        entry = self.stock.pop(version_id, None)
        if self._confirmed.pop(version_id, None) is None and entry is None:
            raise KeyError(version_id)

    def __iter__(self) -> Iterator[Any]:
        return iter([version_id for version_id in {*self.stock, *self._confirmed} if version_id in self])

    def __contains__(self, version_id: object) -> bool:
        try:
            self[version_id]
        except KeyError:
            return False
        return True

    def __len__(self) -> int:
        return sum(1 for _ in self)

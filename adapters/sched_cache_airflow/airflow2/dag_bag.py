"""The host's bag of DAGs over compact contents.

The host serves a DAG for `[core] min_serialized_dag_fetch_interval` (10 s) without asking whether it is current.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, MutableMapping
from typing import Any

from airflow.models import dagbag as host
from airflow.serialization.serialized_objects import SerializedDAG
from airflow.utils import timezone
from airflow.utils.session import provide_session
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from sched_cache_airflow.airflow2.runtime import runtime
from sched_cache_airflow.airflow2.versions import read_hash, versions_of
from sched_cache_airflow.contents import Contents

# The host's own: by the time this runs, its module may have ours under this name.
StockDagBag = host.DagBag


class BagDags(MutableMapping[str, Any]):
    """The bag's `dags`: those that are resident, by their ids.

    Ours are in the L1 of the process, which bounds them in bytes and may evict one at any time; the bag's `dags_hash`
    says which hash each has. What the host's own path puts here stays in `stock`.
    """

    def __init__(self, hashes: dict[str, str], contents: Contents, load_op_links: bool) -> None:
        self.stock: dict[str, Any] = {}
        self._hashes = hashes
        self._contents = contents
        self._load_op_links = load_op_links

    def __getitem__(self, dag_id: str) -> Any:
        if dag_id in self.stock:
            return self.stock[dag_id]
        dag = self._contents.resident(dag_id, self._hashes[dag_id], self._load_op_links)
        if dag is None:
            raise KeyError(dag_id)
        return dag

    def __setitem__(self, dag_id: str, dag: Any) -> None:
        self.stock[dag_id] = dag

    def __delitem__(self, dag_id: str) -> None:
        # What was resident a moment ago may be evicted by now.
        self.stock.pop(dag_id, None)

    def __iter__(self) -> Iterator[str]:
        return iter([dag_id for dag_id in {*self.stock, *self._hashes} if dag_id in self])

    def __contains__(self, dag_id: object) -> bool:
        try:
            self[dag_id]  # type: ignore[index]  # anything may be asked for
        except KeyError:
            return False
        return True

    def __len__(self) -> int:
        return sum(1 for _ in self)


class CertifiedDagBag(StockDagBag):  # type: ignore[misc,valid-type]  # the host is not there where types are checked
    """A `DagBag` whose stored DAGs come compact, and by the hash that the host's row has now.

    Inside a scheduler loop the hashes of all its DAGs were read by one query. Outside, one is confirmed by a look-up
    of a column when its last confirmation is older than `max_staleness_seconds`, or when somebody has told since
    that the DAG was written. Whatever goes wrong on our side, the host's own method answers. DAGs that only the host
    reads are kept as the host keeps them, and are as new.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        self._confirmed: dict[str, tuple[float, object]] = {}
        self._state = runtime()
        super().__init__(*args, **options)
        if self.read_dags_from_db:
            self.dags = BagDags(self.dags_hash, self._state.contents, self.load_op_links)

    @provide_session  # type: ignore[untyped-decorator]  # the host is not there where types are checked
    def get_dag(self, dag_id: str, session: Session = None) -> Any:  # type: ignore[assignment]  # as the host's
        """The DAG; None if the database says that there is none."""
        if not self.read_dags_from_db or self.excludes(dag_id):
            return super().get_dag(dag_id, session=session)
        try:
            return self._current_dag(dag_id, session)
        except SQLAlchemyError:
            raise  # the host's own session: its own path would have met the same
        except Exception as error:
            self._state.fallbacks.note("get_dag", error)
            return super().get_dag(dag_id, session=session)

    def excludes(self, dag_id: str) -> bool:
        """Whether the operator has left this DAG on the host's own path."""
        return self._state.settings.excludes(dag_id)

    def _current_dag(self, dag_id: str, session: Session) -> Any:
        resident = self.dags.stock.get(dag_id)
        parent = getattr(resident, "parent_dag", None)
        if parent is not None:
            # A subdag comes and goes with the DAG that it is in.
            self._current_dag(parent.dag_id, session)
            return self.dags.get(dag_id)
        dag_hash = self._current_hash(dag_id, session)
        if dag_hash is None:
            if resident is None and dag_id not in self.dags_hash:
                return super().get_dag(dag_id, session=session)  # perhaps a subdag, which the host can find
            self._forget(dag_id)
            return None
        dag = self._state.contents.get(dag_id, dag_hash, self.load_op_links, session)
        if dag is not None:
            self._note(dag_id, dag.compact.label("dag_hash"), session)
            if resident is not None:
                self.dags.stock.pop(dag_id, None)
            return dag
        if resident is None or self.dags_hash.get(dag_id) != dag_hash:
            self._load_stock(dag_id, session)
        return self.dags.stock.get(dag_id)

    def _current_hash(self, dag_id: str, session: Session) -> str | None:
        versions = versions_of(session)
        if versions is not None:
            return versions.hash_of(dag_id, session)
        now = time.monotonic()
        floor = self._state.contents.floor(dag_id)
        known: str | None = self.dags_hash.get(dag_id)
        confirmed_at, confirmed_floor = self._confirmed.get(dag_id, (float("-inf"), None))
        is_new = now - confirmed_at < self._state.settings.config.max_staleness_seconds
        if known is not None and is_new and confirmed_floor is floor:
            return known
        dag_hash = read_hash(dag_id, session)
        self._confirmed[dag_id] = (now, floor)
        return dag_hash

    def _note(self, dag_id: str, dag_hash: str | None, session: Session) -> None:
        """Says which hash the DAG has that is given away. It may be newer than what the loop has read."""
        if dag_hash is not None and self.dags_hash.get(dag_id) != dag_hash:
            self.dags_hash[dag_id] = dag_hash
            self.dags_last_fetched[dag_id] = timezone.utcnow()
        versions = versions_of(session)
        if versions is not None:
            versions.hashes[dag_id] = dag_hash

    def _load_stock(self, dag_id: str, session: Session) -> None:
        """Has the host make its own object of the row as it is now."""
        found = self._state.contents.host.read(dag_id, session)
        if found is None:
            self._forget(dag_id)
            return
        self._state.stats.database.contents_read += 1
        document, dag_hash = found
        SerializedDAG._load_operator_extra_links = self.load_op_links
        dag = SerializedDAG.from_dict(document)
        # Another thread that looks meanwhile finds the one or the other, never nothing.
        dags = self.dags.stock
        before = {subdag.dag_id for subdag in getattr(dags.get(dag_id), "subdags", ())}
        for subdag in dag.subdags:
            dags[subdag.dag_id] = subdag
        for gone in before - {subdag.dag_id for subdag in dag.subdags}:
            dags.pop(gone, None)
        self._note(dag_id, dag_hash, session)
        dags[dag_id] = dag

    def _forget(self, dag_id: str) -> None:
        gone = self.dags.stock.pop(dag_id, None)
        for subdag in getattr(gone, "subdags", ()):
            self.dags.stock.pop(subdag.dag_id, None)
        for known in (self.dags_hash, self.dags_last_fetched, self._confirmed):
            known.pop(dag_id, None)

"""The host's bag of DAGs, over compact contents.

The host itself uses a DAG for `[core] min_serialized_dag_fetch_interval` (10 s) without checking whether it is current.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, MutableMapping
from threading import Lock
from typing import Any, ClassVar, NamedTuple

from airflow.models import dagbag as host
from airflow.serialization.serialized_objects import SerializedDAG
from airflow.utils import timezone
from airflow.utils.session import provide_session
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from sched_cache import fork
from sched_cache_airflow.dags.resident_dags import ResidentDags
from sched_cache_airflow.host_database.transactions import host_transaction
from sched_cache_airflow.hosts.airflow2.dags.current_versions import read_hash, read_hashes, versions_of
from sched_cache_airflow.hosts.shared.runtime import Runtime
from sched_cache_airflow.patching.guard import GET_DAG, falls_back
from sched_cache_airflow.patching.stand_in_class import AsStock, stands_in
from sched_cache_airflow.process.host_process import HostProcess

# The host's own class. When this runs, the host's module may have ours under this name.
StockDagBag = host.DagBag


class BagDags(MutableMapping[str, Any]):
    """The bag's `dags`: the DAGs in memory, by id.

    Our DAGs are in the L1 of the process, which limits them in bytes and may evict one at any time. The bag's
    `dags_hash` has the hash of each. DAGs from the host's own path are in `stock`.
    """

    def __init__(self, hashes: dict[str, str], contents: ResidentDags, load_op_links: bool) -> None:
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
        # A DAG may have been evicted since the look-up.
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


class Reading(NamedTuple):
    """The hash of the host's row at a time.

    number: increases with each reading; 0 if nothing had to be read.
    at: the time before the query. floor: the answer of the shared tiers about the DAG at that time.
    """

    dag_hash: str | None
    number: int
    at: float
    floor: object


@stands_in
class CertifiedDagBag(StockDagBag, metaclass=AsStock):  # type: ignore[misc,valid-type]  # the host is not there where types are checked
    """A `DagBag` that returns compact stored DAGs, by the current hash in the host's row.

    In a scheduler loop, one query reads the hashes of all its DAGs. Outside of a loop, a query for one column confirms
    the hash, if the last confirmation is older than `max_staleness_seconds` or if a write of the DAG was announced
    since. If the plugin fails, the host's own method answers. DAGs that only the host can read are kept in the host's
    way, and are as current.

    A caller that has got a DAG never gets an older one, in any thread:

        1. two threads read the hash, one after the other: that of A, and, because B was written meanwhile, that of B
        2. the second one has B in memory, and returns it
        3. the first one has to load A; then a later reading is settled, and it returns the DAG of that reading
    """

    host_process: ClassVar[HostProcess[Runtime]]
    """Set when the class is put into the host's place."""

    def __init__(self, *args: Any, **options: Any) -> None:
        # Guards _n_readings, _settled and the values of dags_hash. Held while a hash is read, so that the order of
        # readings is that of their results. A thread that takes it has a connection already.
        self.reset_after_fork()
        fork.register(self)
        self._n_readings = 0
        self._settled: dict[str, Reading] = {}
        self._state: Runtime = self.host_process.runtime()
        super().__init__(*args, **options)
        if self.read_dags_from_db:
            self.dags = BagDags(self.dags_hash, self._state.contents, self.load_op_links)

    def reset_after_fork(self) -> None:
        """A new lock: another thread of the parent may have held it."""
        self._lock = Lock()

    @provide_session  # type: ignore[untyped-decorator]  # the host is not there where types are checked
    def get_dag(self, dag_id: str, session: Session = None) -> Any:  # type: ignore[assignment]  # as the host's
        """The DAG; None if the database has none."""
        if not self.read_dags_from_db or self.excludes(dag_id):
            return super().get_dag(dag_id, session=session)
        try:
            return self._current_dag(dag_id, session)
        except Exception as error:
            if not falls_back(error, GET_DAG, self._state.fallbacks.note):
                raise
            return super().get_dag(dag_id, session=session)

    def excludes(self, dag_id: str) -> bool:
        """Whether the operator has left this DAG on the host's own path."""
        return self._state.settings.excludes(dag_id)

    def refresh(self) -> int:
        """Reloads the changed DAGs among those in memory; how many. One query, and one for each DAG to load.

        Until the next call, no reader has to check whether one of them is current.
        """
        dag_ids = [dag_id for dag_id in list(self._settled) if dag_id in self.dags]
        if not dag_ids:
            return 0
        n_loaded = 0
        with host_transaction() as connection:
            for dag_id, reading in self._read_all(dag_ids, connection).items():
                if reading.dag_hash == self.dags_hash.get(dag_id):
                    self._settle(dag_id, reading, reading.dag_hash)
                elif reading.dag_hash is not None:
                    fork.gate.let_pass()
                    dag = self._state.contents.get(dag_id, reading.dag_hash, self.load_op_links, connection)
                    if dag is not None and dag_id not in self.dags.stock:
                        n_loaded += self._settle(dag_id, reading, dag.compact.label("dag_hash"))
        return n_loaded

    def _current_dag(self, dag_id: str, session: Session) -> Any:
        resident = self.dags.stock.get(dag_id)
        parent = getattr(resident, "parent_dag", None)
        if parent is not None:
            # A subdag is loaded and dropped with its parent.
            self._current_dag(parent.dag_id, session)
            return self.dags.get(dag_id)
        while True:
            reading = self._current_hash(dag_id, session)
            if reading.dag_hash is None:
                if resident is None and dag_id not in self.dags_hash:
                    return super().get_dag(
                        dag_id, session=session
                    )  # perhaps a subdag, which the host can find
                self._forget(dag_id)
                return None
            dag = self._state.contents.get(dag_id, reading.dag_hash, self.load_op_links, session)
            if dag is not None:
                if not self._settle(dag_id, reading, dag.compact.label("dag_hash"), session):
                    continue
                if resident is not None:
                    self.dags.stock.pop(dag_id, None)
                return dag
            if resident is None or self.dags_hash.get(dag_id) != reading.dag_hash:
                self._load_stock(dag_id, reading, session)
            return self.dags.stock.get(dag_id)

    def _current_hash(self, dag_id: str, session: Session) -> Reading:
        versions = versions_of(session)
        if versions is not None:
            dag_hash = versions.hash_of(dag_id, session)
            with self._lock:
                return self._numbered(dag_hash, time.monotonic(), None)
        known = self._known(dag_id)
        if known is not None:
            return known
        session.connection()
        with self._lock:
            now, floor = time.monotonic(), self._state.contents.floor(dag_id)
            return self._numbered(read_hash(dag_id, session), now, floor)

    def _known(self, dag_id: str) -> Reading | None:
        """The hash of a recent reading, if no change was announced since, or if another thread loads the change."""
        settled = self._settled.get(dag_id)
        if settled is None:
            return None
        if not self._state.is_refreshing and settled.floor is not self._state.contents.floor(dag_id):
            return None
        if time.monotonic() - settled.at >= self._state.settings.config.max_staleness_seconds:
            return None
        return settled._replace(number=0)

    def _read_all(self, dag_ids: list[str], connection: Connection) -> dict[str, Reading]:
        with self._lock:
            now, floor_of = time.monotonic(), self._state.contents.floor
            floors = {dag_id: floor_of(dag_id) for dag_id in dag_ids}
            hashes = read_hashes(dag_ids, connection)
            return {dag_id: self._numbered(hashes.get(dag_id), now, floors[dag_id]) for dag_id in dag_ids}

    def _numbered(self, dag_hash: str | None, at: float, floor: object) -> Reading:
        self._n_readings += 1
        return Reading(dag_hash, self._n_readings, at, floor)

    def _settle(
        self, dag_id: str, reading: Reading, dag_hash: str | None, session: Session | None = None
    ) -> bool:
        """Notes the hash of the DAG that is returned; whether no later reading was faster.

        dag_hash: the hash of the DAG, which may be newer than the reading.
        """
        if dag_hash is None:
            return False
        with self._lock:
            settled = self._settled.get(dag_id)
            if reading.number:
                if settled is not None and settled.number > reading.number:
                    return False
                self._settled[dag_id] = reading._replace(dag_hash=dag_hash)
            elif settled is not None and settled.dag_hash != dag_hash:
                return False  # a later reading was settled while the DAG was fetched from memory
            if self.dags_hash.get(dag_id) != dag_hash:
                self.dags_hash[dag_id] = dag_hash
                self.dags_last_fetched[dag_id] = timezone.utcnow()
        versions = None if session is None else versions_of(session)
        if versions is not None:
            versions.hashes[dag_id] = dag_hash
        return True

    def _load_stock(self, dag_id: str, reading: Reading, session: Session) -> None:
        """Lets the host create its own object of the current row."""
        found = self._state.contents.host.read(dag_id, session)
        if found is None:
            self._forget(dag_id)
            return
        self._state.stats.database.contents_read += 1
        document, dag_hash = found
        SerializedDAG._load_operator_extra_links = self.load_op_links
        dag = SerializedDAG.from_dict(document)
        if not self._settle(dag_id, reading, dag_hash, session):
            return
        # A concurrent look-up in another thread finds one of the two, never none.
        dags = self.dags.stock
        before = {subdag.dag_id for subdag in getattr(dags.get(dag_id), "subdags", ())}
        for subdag in dag.subdags:
            dags[subdag.dag_id] = subdag
        for gone in before - {subdag.dag_id for subdag in dag.subdags}:
            dags.pop(gone, None)
        dags[dag_id] = dag

    def _forget(self, dag_id: str) -> None:
        gone = self.dags.stock.pop(dag_id, None)
        for subdag in getattr(gone, "subdags", ()):
            self.dags.stock.pop(subdag.dag_id, None)
        with self._lock:
            for known in (self.dags_hash, self.dags_last_fetched, self._settled):
                known.pop(dag_id, None)


def is_certified(bag: Any) -> bool:
    """Whether the bag is one of ours. `isinstance` would be true for the host's own, too."""
    return CertifiedDagBag in type(bag).__mro__

"""The host's bag of DAGs, over compact contents."""

from __future__ import annotations

import time
from contextlib import nullcontext
from threading import Lock
from typing import Any, ClassVar
from weakref import WeakSet

from airflow.models import dagbag as host
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from sched_cache import fork
from sched_cache_airflow.host_database.transactions import host_transaction
from sched_cache_airflow.hosts.airflow3 import compat
from sched_cache_airflow.hosts.airflow3.dags.bag_entries import BagEntries
from sched_cache_airflow.hosts.airflow3.dags.current_versions import (
    Versions,
    read_hash,
    read_latest,
    versions_of,
)
from sched_cache_airflow.hosts.airflow3.dags.serialization import SerializedDAG
from sched_cache_airflow.hosts.airflow3.dags.serialized_dag_model import is_host_asked_alone
from sched_cache_airflow.hosts.airflow3.runtime import Process, Runtime
from sched_cache_airflow.patching.guard import GET_DAG, LATEST_VERSION, falls_back
from sched_cache_airflow.patching.stand_in_class import AsStock, stands_in

# The host's own class. When this runs, the host's module may have ours under its name.
StockDagBag = vars(host)[compat.BAG]


@stands_in
class CompactDagBag(StockDagBag, metaclass=AsStock):  # type: ignore[misc,valid-type]  # the host is not there where types are checked
    """A bag that returns compact DAGs, by the current hash in the host's row.

    In a scheduler loop, one query reads the hashes of all its DAGs. Outside of a loop, a query for one column confirms
    the hash, if the last confirmation is older than `max_staleness_seconds` or if a write of the version was announced
    since. If the plugin fails, or a version has no row, the host's own method answers.
    """

    host_process: ClassVar[Process]
    """Set when the class is put into the host's place."""

    def __init__(self, load_op_links: bool = True, *cache: Any, **options: Any) -> None:
        super().__init__(load_op_links, *cache, **options)
        self._state: Runtime = self.host_process.runtime()
        self._contents = self._state.contents
        self._fallbacks = self._state.fallbacks
        self._settings = self._state.settings
        self._max_staleness_seconds = self._settings.config.max_staleness_seconds
        stock = vars(self)["_dags"]
        # The host's own, around its DAGs. Before 3.2.2, it has none.
        self._around_stock = vars(self).get("_lock") or nullcontext()
        self._entries = self._dags = BagEntries(stock, self._contents, load_op_links)
        # Held while a hash is read and confirmed, so that no thread confirms a hash after a later one. A thread
        # that takes it has a connection already.
        self.reset_after_fork()
        fork.register(self)
        _bags.add(self)

    def reset_after_fork(self) -> None:
        """A new lock: another thread of the parent may have held it."""
        self._reading = Lock()

    def _get_dag(self, version_id: Any, session: Session) -> SerializedDAG | None:
        if not is_host_asked_alone("dag"):
            return super()._get_dag(version_id, session)
        dag_hash: str | None = None
        try:
            dag_hash = self._current_hash(version_id, session)
            if dag_hash is not None:
                dag = self._compact_dag(version_id, dag_hash, session)
                if dag is not None:
                    return dag
        except Exception as error:
            if not falls_back(error, GET_DAG, self._fallbacks.note):
                raise
        return self._stock_dag(version_id, dag_hash, session)

    def _current_hash(self, version_id: Any, session: Session) -> str | None:
        versions = versions_of(session)
        if versions is not None:
            return versions.hash_of(version_id, session)
        confirmed = self._entries.confirmation(version_id)
        now = time.monotonic()
        # The host's own interval still applies where there is one, and it is shorter.
        interval = getattr(self, "_revalidation_interval", self._max_staleness_seconds)
        max_age = min(self._max_staleness_seconds, interval)
        floor = self._contents.floor(version_id)
        if (
            confirmed is not None
            and now - confirmed.at < max_age
            and (self._state.is_refreshing or self._entries.is_still_at(version_id, floor))
        ):
            return confirmed.dag_hash
        session.connection()
        with self._reading:
            now, floor = time.monotonic(), self._contents.floor(version_id)
            dag_hash = read_hash(version_id, session)
            if dag_hash is not None:
                self._entries.confirm(version_id, dag_hash, now, floor)
        return dag_hash

    def refresh(self, connection: Connection) -> int:
        """Reloads the changed DAGs among those in memory, and loads their new versions; how many.

        One query, a second one for versions that are not the latest, and one for each DAG to load.
        """
        version_ids = [version_id for version_id in self._entries if version_id not in self._entries.stock]
        dag_ids = self._contents.resident_dag_ids(self.load_op_links)
        if not version_ids and not dag_ids:
            return 0
        versions = Versions()
        with self._reading:
            now = time.monotonic()
            floors = {version_id: self._contents.floor(version_id) for version_id in version_ids}
            # Most are the latest. Parsing thousands of ids takes longer than finding rows, so each is sent once.
            if dag_ids:
                versions.read_by(connection, dag_ids, ())
            older = [version_id for version_id in version_ids if version_id not in versions.hashes]
            if older:
                versions.read_by(connection, (), older)
            for version_id in version_ids:
                dag_hash = versions.hashes[version_id]
                if dag_hash is not None:
                    self._entries.confirm(version_id, dag_hash, now, floors[version_id])
        n_loaded = 0
        for version_id, dag_hash in versions.hashes.items():
            if dag_hash is None or self._contents.resident(version_id, dag_hash, self.load_op_links):
                continue
            fork.gate.let_pass()
            n_loaded += self._contents.get(version_id, dag_hash, self.load_op_links, connection) is not None
        return n_loaded

    def _compact_dag(self, version_id: Any, dag_hash: str, session: Session) -> SerializedDAG | None:
        dag = self._contents.resident(version_id, dag_hash, self.load_op_links)
        if dag is not None:
            compat.count_hit(self)
            return dag
        dag = self._contents.get(version_id, dag_hash, self.load_op_links, session)
        if dag is not None:
            compat.count_miss(self)
        return dag

    def _stock_dag(self, version_id: Any, dag_hash: str | None, session: Session) -> SerializedDAG | None:
        """The result of the host's own path. The host's copy counts only if it has the current hash."""
        with self._around_stock:
            self._entries.keep_only(version_id, dag_hash)
        dag: SerializedDAG | None = super()._get_dag(version_id, session)
        if dag is not None and dag_hash is not None:
            self._entries.note_hash(version_id, dag_hash)
        return dag

    def get_dag_for_run(self, dag_run: Any, session: Session) -> SerializedDAG | None:
        """The DAG of the version of the run; by the host's own path for an excluded DAG."""
        if self._settings.excludes(dag_run.dag_id):
            found = self._version_from_dag_run(dag_run=dag_run, session=session)
            version_id = compat.id_of_version(found)
            return super()._get_dag(version_id, session) if version_id else None
        return super().get_dag_for_run(dag_run, session)

    @staticmethod
    def _version_from_dag_run(dag_run: Any, *, session: Session) -> Any:
        versions = versions_of(session)
        if versions is None:
            return StockDagBag._version_from_dag_run(dag_run=dag_run, session=session)
        return compat.as_found_by_bag(versions.version_of_run(dag_run, session))

    def get_latest_version_of_dag(self, dag_id: str, *, session: Session) -> SerializedDAG | None:
        """The DAG of the latest version. Two columns are read, and the content if it is not resident."""
        dag = latest_dag(self._state, dag_id, self.load_op_links, session)
        return super().get_latest_version_of_dag(dag_id, session=session) if dag is None else dag


_bags: WeakSet[CompactDagBag] = WeakSet()


def refresh_bags() -> int:
    """Refreshes every bag of this process; how many contents were loaded."""
    with host_transaction() as connection:
        return sum(bag.refresh(connection) for bag in list(_bags))


def latest_dag(state: Runtime, dag_id: str, load_op_links: bool, session: Session) -> SerializedDAG | None:
    """The DAG of the latest version of `dag_id`; None if the host has to answer."""
    if state.settings.excludes(dag_id) or not is_host_asked_alone("get", "dag"):
        return None
    try:
        versions = versions_of(session)
        current = versions.latest_of(dag_id, session) if versions else read_latest(dag_id, session)
        if current is None or current.dag_hash is None:
            return None
        return state.contents.get(current.version_id, current.dag_hash, load_op_links, session)
    except Exception as error:
        if not falls_back(error, LATEST_VERSION, state.fallbacks.note):
            raise
        return None

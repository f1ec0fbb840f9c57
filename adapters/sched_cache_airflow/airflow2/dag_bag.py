"""The bag of scheduler, webserver and triggerer: the host's own, but for how old a DAG may be.

The host serves a DAG for `[core] min_serialized_dag_fetch_interval` (10 s) without asking whether it is current.
"""

from __future__ import annotations

import json
import time
import zlib
from typing import Any

from airflow.models.dagbag import DagBag as StockDagBag
from airflow.models.serialized_dag import SerializedDagModel
from airflow.serialization.serialized_objects import SerializedDAG
from airflow.utils import timezone
from airflow.utils.session import provide_session
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from sched_cache_airflow.airflow2.runtime import runtime
from sched_cache_airflow.airflow2.versions import Versions, versions_of


class CertifiedDagBag(StockDagBag):
    """A `DagBag` whose stored DAGs have the hash that the host's row has now.

    Inside a scheduler loop the hashes of all its DAGs were read by one query. Outside, one is confirmed by a look-up
    of a column when its last confirmation is older than `max_staleness_seconds`. Whatever goes wrong on our side,
    the host's own method answers. What it keeps is where the host keeps it: `dags`, `dags_hash`, `dags_last_fetched`.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        self._confirmed_at: dict[str, float] = {}
        self._state = runtime()
        super().__init__(*args, **options)

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
        resident = self.dags.get(dag_id)
        parent = getattr(resident, "parent_dag", None)
        if parent is not None:
            # A subdag comes and goes with the DAG that it is in.
            self._current_dag(parent.dag_id, session)
            return self.dags.get(dag_id)
        dag_hash = self._current_hash(dag_id, session)
        if dag_hash is None:
            if resident is None:  # nothing is known of it: perhaps a subdag, which the host can find
                return super().get_dag(dag_id, session=session)
            self._forget(dag_id)
            return None
        if resident is None or self.dags_hash.get(dag_id) != dag_hash:
            self._load(dag_id, session)
        return self.dags.get(dag_id)

    def _current_hash(self, dag_id: str, session: Session) -> str | None:
        versions = versions_of(session)
        if versions is not None:
            return versions.hash_of(dag_id, session)
        now = time.monotonic()
        age = now - self._confirmed_at.get(dag_id, float("-inf"))
        if dag_id in self.dags and age < self._state.settings.config.max_staleness_seconds:
            known: str | None = self.dags_hash.get(dag_id)
            return known
        dag_hash = Versions().hash_of(dag_id, session)
        self._confirmed_at[dag_id] = now
        return dag_hash

    def _load(self, dag_id: str, session: Session) -> None:
        """Reads the row as it is now: document and hash in one query, no ORM entity."""
        table = SerializedDagModel.__table__.c
        row = session.execute(
            select(table.data, table.data_compressed, table.dag_hash)
            .where(table.dag_id == dag_id)
            .execution_options(autoflush=False)
        ).one_or_none()
        versions = versions_of(session)
        if versions is not None:
            # It may be newer than what the loop has read; then it is what the loop goes on with.
            versions.hashes[dag_id] = None if row is None else row.dag_hash
        if row is None:
            self._forget(dag_id)
            return
        self._state.stats.database.contents_read += 1
        document = json.loads(zlib.decompress(row.data_compressed)) if row.data_compressed else row.data
        if isinstance(document, str):
            document = json.loads(document)
        SerializedDAG._load_operator_extra_links = self.load_op_links
        dag = SerializedDAG.from_dict(document)
        # Another thread that looks meanwhile finds the one or the other, never nothing.
        before = {subdag.dag_id for subdag in getattr(self.dags.get(dag_id), "subdags", ())}
        for subdag in dag.subdags:
            self.dags[subdag.dag_id] = subdag
        for gone in before - {subdag.dag_id for subdag in dag.subdags}:
            self.dags.pop(gone, None)
        self.dags_hash[dag_id] = row.dag_hash
        self.dags_last_fetched[dag_id] = timezone.utcnow()
        self.dags[dag_id] = dag

    def _forget(self, dag_id: str) -> None:
        gone = self.dags.pop(dag_id, None)
        for subdag in getattr(gone, "subdags", ()):
            self.dags.pop(subdag.dag_id, None)
        self.dags_hash.pop(dag_id, None)
        self.dags_last_fetched.pop(dag_id, None)

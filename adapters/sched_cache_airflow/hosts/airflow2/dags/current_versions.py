"""The current contents: one query of Core columns for all DAGs of a loop.

ORM entities cannot be used, because a session that has read a row before returns the old one. A DAG has one content
here, and its version is the hash of that content.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from airflow.models.dag import DagModel
from airflow.models.serialized_dag import SerializedDagModel
from sqlalchemy import bindparam, select
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session, joinedload
from sqlalchemy.orm.attributes import set_committed_value

from sched_cache_airflow.hosts.airflow2.vocabulary import VOCABULARY
from sched_cache_airflow.hosts.contract import DAG_ROWS
from sched_cache_airflow.reporting.hash_queries import hash_queries

_INFO_KEY = "sched_cache.versions"

# Created once, and from tables: creating a statement about entities takes longer than its execution.
_CONTENT = SerializedDagModel.__table__.c
_HASH = select(_CONTENT.dag_hash).where(_CONTENT.dag_id == bindparam("dag_id"))


def read_hash(dag_id: str, session: Session) -> str | None:
    """The hash of a DAG's content as the database has it now. One query."""
    hash_queries.at, hash_queries.n_queries = monotonic(), hash_queries.n_queries + 1
    dag_hash: str | None = session.connection().execute(_HASH, {"dag_id": dag_id}).scalar()
    return dag_hash


def read_hashes(dag_ids: Collection[str], connection: Connection) -> dict[str, str]:
    """The hashes of these DAGs' contents as the database has them now; nothing for one without. One query."""
    hash_queries.at, hash_queries.n_queries = monotonic(), hash_queries.n_queries + 1
    query = select(_CONTENT.dag_id, _CONTENT.dag_hash).where(_CONTENT.dag_id.in_(list(dag_ids)))
    return {row.dag_id: row.dag_hash for row in connection.execute(query)}


@dataclass
class Versions:
    """The versions that were current when read. Valid for one loop, so that its decisions agree with each other.

    hashes: by dag_id; None for a DAG that has no content.
    dag_models: rows of the runs' DAGs. The host asks for them one by one, and the session knows those that are held.
    """

    hashes: dict[str, str | None] = field(default_factory=dict)
    dag_models: Sequence[Any] = ()
    n_queries: int = 0

    def hash_of(self, dag_id: str, session: Session) -> str | None:
        """The hash of a DAG's content. One query, if it was not read yet."""
        if dag_id not in self.hashes:
            self.read([dag_id], session)
        return self.hashes[dag_id]

    def read(self, dag_ids: Collection[str], session: Session) -> None:
        """Reads the hashes of these DAGs, in one query."""
        if not dag_ids:
            return
        self.n_queries += 1
        hash_queries.at, hash_queries.n_queries = monotonic(), hash_queries.n_queries + 1
        rows = session.execute(
            select(_CONTENT.dag_id, _CONTENT.dag_hash)
            .where(_CONTENT.dag_id.in_(list(dag_ids)))
            .execution_options(autoflush=False)
        ).all()
        self.hashes.update(dict.fromkeys(dag_ids))
        self.hashes.update((dag_id, dag_hash) for dag_id, dag_hash in rows)

    def read_for(self, dag_runs: Collection[Any], session: Session) -> None:
        """Reads the rows that the scheduler will request for these runs, in two queries; none without runs."""
        if dag_runs:
            dag_ids = {run.dag_id for run in dag_runs}
            self.read(dag_ids, session)
            if VOCABULARY.doubt(DAG_ROWS):
                return
            of_runs = select(DagModel).where(DagModel.dag_id.in_(dag_ids))
            self.dag_models = session.scalars(of_runs.options(joinedload(DagModel.parent_dag))).all()

    def read_again(self, dag_model: Any, names: Sequence[str], session: Session) -> None:
        """Updates some columns of `dag_model` from its row."""
        row = session.execute(
            select(*(getattr(DagModel, name) for name in names)).where(DagModel.dag_id == dag_model.dag_id)
        ).one_or_none()
        for name, value in zip(names, row or (), strict=False):
            set_committed_value(dag_model, name, value)


def versions_of(session: Session) -> Versions | None:
    """The versions of the current loop of this session; None outside of a loop."""
    versions: Versions | None = session.info.get(_INFO_KEY)
    return versions


def begin_loop(session: Session) -> Versions:
    """Starts a loop, and discards everything that was read before."""
    versions = session.info[_INFO_KEY] = Versions()
    return versions


def end_loop(session: Session) -> None:
    """Ends the loop. From now on each look-up asks the database."""
    session.info.pop(_INFO_KEY, None)

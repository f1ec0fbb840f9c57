"""The current contents: one query of Core columns for all DAGs of a loop.

ORM entities cannot be used, because a session that has read a row before returns the old one.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import cache
from time import monotonic
from typing import Any, NamedTuple

from airflow.models.dag import DagModel
from airflow.models.dag_version import DagVersion
from airflow.models.dagrun import DagRun
from airflow.models.serialized_dag import SerializedDagModel
from sqlalchemy import Select, bindparam, func, or_, select
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from sched_cache_airflow.hosts.airflow3 import compat
from sched_cache_airflow.hosts.airflow3.vocabulary import VOCABULARY
from sched_cache_airflow.hosts.contract import DAG_ROWS
from sched_cache_airflow.reporting.hash_queries import hash_queries

_INFO_KEY = "sched_cache.versions"
_READ_OF_RUN = frozenset(("dag_id", "bundle_version", "created_dag_version_id"))


class Current(NamedTuple):
    """A version, and the hash of its content; None if the version has none."""

    version_id: Any
    dag_hash: str | None


# Created once, and from tables: creating a statement about entities takes longer than its execution.
_VERSION, _CONTENT = DagVersion.__table__.c, SerializedDagModel.__table__.c
_LATEST = (
    select(_VERSION.id, _CONTENT.dag_hash)
    .select_from(
        DagVersion.__table__.outerjoin(SerializedDagModel.__table__, _CONTENT.dag_version_id == _VERSION.id)
    )
    .where(_VERSION.dag_id == bindparam("dag_id"))
    .order_by(_VERSION.version_number.desc())
    .limit(1)
)
_HASH = select(_CONTENT.dag_hash).where(_CONTENT.dag_version_id == bindparam("version_id"))


@cache
def _current(*wanted: str) -> Select[Any]:
    """The versions that are `wanted`: the latest of `dag_ids`, those of `version_ids`, or both."""
    newer = DagVersion.__table__.alias()
    highest = select(func.max(newer.c.version_number)).where(newer.c.dag_id == _VERSION.dag_id)
    is_wanted = {
        "dag_ids": _VERSION.dag_id.in_(bindparam("dag_ids", expanding=True))
        & (_VERSION.version_number == highest.scalar_subquery()),
        "version_ids": _VERSION.id.in_(bindparam("version_ids", expanding=True)),
    }
    return (
        select(_VERSION.dag_id, _VERSION.id, _VERSION.version_number, _CONTENT.dag_hash)
        .select_from(
            DagVersion.__table__.outerjoin(
                SerializedDagModel.__table__, _CONTENT.dag_version_id == _VERSION.id
            )
        )
        .where(or_(*(is_wanted[name] for name in wanted)))
        .order_by(_VERSION.version_number)
    )


def read_latest(dag_id: str, session: Session) -> Current | None:
    """The latest version of a DAG as the database has it now. One query."""
    hash_queries.at, hash_queries.n_queries = monotonic(), hash_queries.n_queries + 1
    row = session.connection().execute(_LATEST, {"dag_id": dag_id}).one_or_none()
    return None if row is None else Current(*row)


def read_hash(version_id: Any, session: Session) -> str | None:
    """The hash of a version's content as the database has it now. One query."""
    hash_queries.at, hash_queries.n_queries = monotonic(), hash_queries.n_queries + 1
    dag_hash: str | None = session.connection().execute(_HASH, {"version_id": version_id}).scalar()
    return dag_hash


@dataclass(slots=True)
class Versions:
    """The versions that were current when read. Valid for one loop, so that its decisions agree with each other.

    latest: by dag_id, the version with the highest number; None for a DAG that has no version.
    hashes: by version id.
    dag_models: rows of the runs' DAGs. The host asks for them one by one, and the session knows those that are held.
    """

    latest: dict[str, Current | None] = field(default_factory=dict)
    hashes: dict[Any, str | None] = field(default_factory=dict)
    dag_models: Sequence[Any] = ()
    n_queries: int = 0

    def latest_of(self, dag_id: str, session: Session) -> Current | None:
        """The latest version of a DAG. One query, if it was not read yet."""
        if dag_id not in self.latest:
            self.read([dag_id], (), session)
        return self.latest[dag_id]

    def hash_of(self, version_id: Any, session: Session) -> str | None:
        """The hash of a version's content. One query, if it was not read yet."""
        if version_id not in self.hashes:
            self.read((), [version_id], session)
        return self.hashes[version_id]

    def read(self, dag_ids: Collection[str], version_ids: Collection[Any], session: Session) -> None:
        """Reads the latest versions of these DAGs and the hashes of these versions, in one query."""
        if dag_ids or version_ids:
            self.read_by(session.connection(), dag_ids, version_ids)

    def read_by(self, connection: Connection, dag_ids: Collection[str], version_ids: Collection[Any]) -> None:
        """The same without a session. At least one id must be given."""
        self.n_queries += 1
        hash_queries.at, hash_queries.n_queries = monotonic(), hash_queries.n_queries + 1
        wanted = {"dag_ids": list(dag_ids), "version_ids": list(version_ids)}
        rows = connection.execute(
            _current(*(name for name, values in wanted.items() if values)),
            {name: values for name, values in wanted.items() if values},
        )
        self.latest.update(dict.fromkeys(dag_ids))
        self.hashes.update(dict.fromkeys(version_ids))
        for dag_id, version_id, _, dag_hash in rows:
            self.hashes[version_id] = dag_hash
            if dag_id in self.latest:
                self.latest[dag_id] = Current(version_id, dag_hash)  # the highest number comes last

    def read_for(self, dag_runs: Collection[Any], session: Session) -> None:
        """Reads the rows that the scheduler will request for these runs, in two queries; none without runs."""
        if dag_runs:
            self._read_runs(dag_runs, session)
        if dag_runs and not VOCABULARY.doubt(DAG_ROWS):
            of_runs = DagModel.dag_id.in_({run.dag_id for run in dag_runs})
            self.dag_models = session.scalars(select(DagModel).where(of_runs)).all()

    def read_again(self, dag_model: Any, names: Sequence[str], session: Session) -> None:
        """Updates some columns of `dag_model` from its row."""
        row = session.execute(
            select(*(getattr(DagModel, name) for name in names)).where(DagModel.dag_id == dag_model.dag_id)
        ).one_or_none()
        for name, value in zip(names, row or (), strict=False):
            set_committed_value(dag_model, name, value)

    def version_of_run(self, dag_run: Any, session: Session) -> Any:
        """The id of the version by which the host schedules the run; None if it finds none.

        If it was not read yet, it is read together with those of all other runs in the session. In the critical
        section, these are the runs with task instances that may be queued.
        """
        if dag_run.bundle_version and not (dag_run.created_dag_version_id or compat.LOST_VERSION_IS_LATEST):
            return None
        has_own = dag_run.bundle_version and dag_run.created_dag_version_id
        if (
            dag_run.created_dag_version_id not in self.hashes
            if has_own
            else dag_run.dag_id not in self.latest
        ):
            held = (row for row in session.identity_map.values() if isinstance(row, DagRun))
            self._read_runs([dag_run, *(run for run in held if vars(run).keys() >= _READ_OF_RUN)], session)
        current = None if has_own else self.latest[dag_run.dag_id]
        return dag_run.created_dag_version_id if current is None else current.version_id

    def _read_runs(self, dag_runs: Collection[Any], session: Session) -> None:
        dag_ids = {run.dag_id for run in dag_runs}
        version_ids = {run.created_dag_version_id for run in dag_runs if run.bundle_version}
        version_ids.discard(None)
        self.read(dag_ids - self.latest.keys(), version_ids - self.hashes.keys(), session)


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

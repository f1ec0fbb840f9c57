"""Which content is current: one query for all DAGs of a loop, Core columns only.

ORM entities would not do: a session that has read a row before hands out the old one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from airflow.models.dag_version import DagVersion
from airflow.models.serialized_dag import SerializedDagModel
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, aliased

_INFO_KEY = "sched_cache.versions"


class Current(NamedTuple):
    """A version, and the hash of its content; None if the version has none."""

    version_id: Any
    dag_hash: str | None


@dataclass(slots=True)
class Versions:
    """What was current when it was read. Good for one loop, whose decisions then agree with each other.

    latest: by dag_id, the version with the highest number; None for a DAG that has no version.
    hashes: by version id.
    """

    latest: dict[str, Current | None] = field(default_factory=dict)
    hashes: dict[Any, str | None] = field(default_factory=dict)
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
        newer = aliased(DagVersion)
        highest = select(func.max(newer.version_number)).where(newer.dag_id == DagVersion.dag_id)
        wanted = []
        if dag_ids:
            is_latest = DagVersion.version_number == highest.scalar_subquery()
            wanted.append(DagVersion.dag_id.in_(dag_ids) & is_latest)
        if version_ids:
            wanted.append(DagVersion.id.in_(version_ids))
        if not wanted:
            return
        self.n_queries += 1
        rows = session.execute(
            select(DagVersion.dag_id, DagVersion.id, DagVersion.version_number, SerializedDagModel.dag_hash)
            .outerjoin(SerializedDagModel, SerializedDagModel.dag_version_id == DagVersion.id)
            .where(or_(*wanted))
            .order_by(DagVersion.version_number)
            .execution_options(autoflush=False)
        ).all()
        self.latest.update(dict.fromkeys(dag_ids))
        self.hashes.update(dict.fromkeys(version_ids))
        for dag_id, version_id, _, dag_hash in rows:
            self.hashes[version_id] = dag_hash
            if dag_id in self.latest:
                self.latest[dag_id] = Current(version_id, dag_hash)  # the highest number comes last

    def read_for(self, dag_runs: Iterable[Any], session: Session) -> None:
        """Reads what the scheduler is going to ask for these runs."""
        runs = list(dag_runs)
        dag_ids = {run.dag_id for run in runs}
        version_ids = {run.created_dag_version_id for run in runs if run.bundle_version}
        version_ids.discard(None)
        self.read(dag_ids, version_ids, session)


def versions_of(session: Session) -> Versions | None:
    """The versions of the loop that this session is in; None outside of a loop."""
    versions: Versions | None = session.info.get(_INFO_KEY)
    return versions


def begin_loop(session: Session) -> Versions:
    """Starts a loop: nothing that was read before counts any more."""
    versions = session.info[_INFO_KEY] = Versions()
    return versions


def end_loop(session: Session) -> None:
    """Ends the loop. From now on each look-up asks the database."""
    session.info.pop(_INFO_KEY, None)

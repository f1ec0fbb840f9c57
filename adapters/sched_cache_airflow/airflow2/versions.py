"""Which content is current: one query for all DAGs of a loop, Core columns only.

ORM entities would not do: a session that has read a row before hands out the old one. A DAG has one content here, and
its version is the hash of that.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from airflow.models.serialized_dag import SerializedDagModel
from sqlalchemy import select
from sqlalchemy.orm import Session

_INFO_KEY = "sched_cache.versions"


@dataclass
class Versions:
    """What was current when it was read. Good for one loop, whose decisions then agree with each other.

    hashes: by dag_id; None for a DAG that has no content.
    """

    hashes: dict[str, str | None] = field(default_factory=dict)
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
        table = SerializedDagModel.__table__.c
        rows = session.execute(
            select(table.dag_id, table.dag_hash)
            .where(table.dag_id.in_(list(dag_ids)))
            .execution_options(autoflush=False)
        ).all()
        self.hashes.update(dict.fromkeys(dag_ids))
        self.hashes.update((dag_id, dag_hash) for dag_id, dag_hash in rows)

    def read_for(self, dag_runs: Iterable[Any], session: Session) -> None:
        """Reads what the scheduler is going to ask for these runs."""
        self.read({run.dag_id for run in dag_runs}, session)


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

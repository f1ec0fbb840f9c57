"""Loops of a scheduler of Airflow 2 over random DAGs, in a transaction that is rolled back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from random import Random

from airflow import settings
from airflow.models import DagRun
from airflow.www.extensions.init_auth_manager import get_auth_manager_cls
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from sched_cache_airflow.certification.loops import GivenUpError
from sched_cache_airflow.certification.strata import Stratum
from sched_cache_airflow.hosts.airflow2.certification.decided_dag import DecidedDag
from sched_cache_airflow.hosts.airflow2.certification.scheduler import Scheduler
from sched_cache_airflow.hosts.airflow2.certification.sorted_rows import sorted_rows
from sched_cache_airflow.hosts.airflow2.certification.unreachable import UNREACHABLE
from sched_cache_airflow.hosts.shared.certification.locked_pools import NOTHING_TO_UNDO


class UndoneSession(Session):
    """A session like the host's, in a transaction that is never committed."""

    def commit(self) -> None:
        self.flush()

    def rollback(self) -> None:
        if self.info.pop(NOTHING_TO_UNDO, False):
            return
        raise GivenUpError("the host rolled a loop back")


class Loops:
    """See `HostLoops`."""

    unreachable = UNREACHABLE

    def __init__(self) -> None:
        # The command `airflow scheduler` imports it, too. It has the table of users, to which notes of task instances
        # refer: without that table no task instance can be deleted.
        get_auth_manager_cls()

    def comparable(self) -> AbstractContextManager[object]:
        """Gives rows an order, which the host does not ask for."""
        return sorted_rows()

    def scheduler(self) -> Scheduler:
        """A new one."""
        return Scheduler()

    @contextmanager
    def undone(self) -> Iterator[Session]:
        """A session whose work is gone in the end."""
        session = UndoneSession(settings.engine, autoflush=False, expire_on_commit=False)
        try:
            yield session
        finally:
            session.close()

    @contextmanager
    def tried(self, session: Session) -> Iterator[None]:
        """Rolls back to a savepoint of which the session knows nothing."""
        session.execute(text("SAVEPOINT before_the_loop"))
        yield
        session.execute(text("ROLLBACK TO SAVEPOINT before_the_loop"))

    def settle(self, session: Session) -> None:
        """Writes and forgets all objects."""
        session.flush()
        session.expunge_all()

    def dag(
        self, session: Session, random: Random, dag_id: str, stratum: Stratum | None = None
    ) -> DecidedDag:
        """A new random DAG with its runs."""
        return DecidedDag(session, random, dag_id, stratum)

    def is_running(self, session: Session) -> bool:
        """One query."""
        return bool(session.scalars(select(DagRun.id).where(DagRun._state == "running").limit(1)).all())

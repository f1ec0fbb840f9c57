"""Loops of a scheduler of Airflow 3 over random DAGs, in a transaction that is rolled back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from random import Random
from typing import Any

from airflow import settings
from airflow.models import DagRun
from sqlalchemy import select
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from sched_cache_airflow.certification.strata import Stratum
from sched_cache_airflow.certification.swapped import swapped
from sched_cache_airflow.hosts.airflow3.certification.decided_dag import DecidedDag
from sched_cache_airflow.hosts.airflow3.certification.scheduler import Scheduler
from sched_cache_airflow.hosts.airflow3.certification.unreachable import UNREACHABLE
from sched_cache_airflow.hosts.airflow3.decisions.decisions import Decisions
from sched_cache_airflow.hosts.airflow3.decisions.reconcile import Reconciler
from sched_cache_airflow.hosts.shared.certification.sorted_runs import sorted_runs
from sched_cache_airflow.hosts.shared.certification.sorted_task_instances import sorted_task_instances


class Loops:
    """See `HostLoops`."""

    unreachable = UNREACHABLE

    @contextmanager
    def comparable(self) -> Iterator[None]:
        """Leaves runs as they are that lack what their content has, and gives rows an order if the host asks for none.

        The plugin completes such runs and the host does not, which is a rule of its own.
        """
        with ExitStack() as stack:
            stack.enter_context(swapped(Reconciler, "reconcile", _leave))
            stack.enter_context(sorted_runs())
            if not Decisions().is_ordered:
                stack.enter_context(sorted_task_instances())
            yield

    def scheduler(self) -> Scheduler:
        """A new one."""
        return Scheduler()

    @contextmanager
    def undone(self) -> Iterator[Session]:
        """A session whose commits are savepoints of a transaction that is rolled back."""
        assert settings.engine is not None
        with settings.engine.connect() as connection:
            transaction = connection.begin()
            session = Session(
                connection,
                join_transaction_mode="create_savepoint",
                autoflush=False,
                expire_on_commit=False,
            )
            try:
                yield session
            finally:
                session.close()
                transaction.rollback()

    @contextmanager
    def tried(self, session: Session) -> Iterator[None]:
        """Rolls back to a savepoint of the connection, outside of those that the session makes."""
        connection = session.get_bind()
        assert isinstance(connection, Connection)
        point = connection.begin_nested()
        try:
            yield
        finally:
            session.close()
            point.rollback()

    def settle(self, session: Session) -> None:
        """Commits, and forgets all objects: a loop of a scheduler does not begin with the rows of others in memory."""
        session.commit()
        session.expunge_all()

    def dag(
        self, session: Session, random: Random, dag_id: str, stratum: Stratum | None = None
    ) -> DecidedDag:
        """A new random DAG with its runs."""
        return DecidedDag(session, random, dag_id, stratum)

    def is_running(self, session: Session) -> bool:
        """One query."""
        return bool(session.scalars(select(DagRun.id).where(DagRun._state == "running").limit(1)).all())


def _leave(*arguments: Any, **options: Any) -> None:
    """The reconciliation that does nothing."""

"""The tables that the loop of the 1.10 scheduler reads in Airflow's database, and the queue of the executor."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from sqlalchemy import BigInteger, Boolean, Column, Integer, LargeBinary, MetaData, String, Table

METADATA = MetaData()

DAG_RUN = Table(
    "loop_dag_run",
    METADATA,
    Column("dag_id", String(50), primary_key=True),
    Column("edition", Integer, primary_key=True),
    Column("state", String(20), nullable=False),
)
TASK_INSTANCE = Table(
    "loop_task_instance",
    METADATA,
    Column("dag_id", String(50), primary_key=True),
    Column("task_id", String(50), primary_key=True),
    Column("edition", Integer, primary_key=True),
    Column("state", String(20)),
    Column("try_number", Integer, nullable=False),
)
QUEUE = Table(  # no key over the task instance: one that is enqueued twice has to show
    "loop_queue",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("dag_id", String(50), nullable=False),
    Column("task_id", String(50), nullable=False),
    Column("edition", Integer, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("is_done", Boolean, nullable=False),
)
HANDLED = Table(  # no key over the publication, for the same reason
    "loop_handled",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("dag_id", String(50), nullable=False),
    Column("edition", Integer, nullable=False),
    Column("seq", BigInteger, nullable=False),
)

_FIRST = datetime(2026, 1, 1, tzinfo=timezone.utc)


def execution_date_of(edition: int) -> datetime:
    """The run of an edition, by the name that 1.10 gives it."""
    return _FIRST + timedelta(seconds=edition)


def edition_of(execution_date: datetime) -> int:
    """The edition of a run."""
    return int((execution_date - _FIRST).total_seconds())

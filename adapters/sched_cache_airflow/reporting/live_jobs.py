"""The running jobs in the host's own table, whose processes should report."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from sqlalchemy import DateTime, Integer, String, column, select, table
from sqlalchemy.engine import Engine

from sched_cache.store.sql.failures import mapped_errors

COMPONENTS = {"SchedulerJob": "scheduler", "TriggererJob": "triggerer", "DagProcessorJob": "dag-processor"}
"""Component by the job type in the host's table."""

_MAX_JOBS = 200
_JOB = table(
    "job",
    column("id", Integer),
    column("job_type", String),
    column("state", String),
    column("hostname", String),
    column("latest_heartbeat", DateTime(timezone=True)),
)


@dataclass(frozen=True, slots=True)
class AliveJob:
    """A job of the host with a recent heartbeat."""

    id: int
    component: str
    host: str


def alive_jobs(conf: Any, engine: Engine) -> list[AliveJob]:
    """The live jobs in the metadata database, by the host's own rule. One query.

    Raises:
        StoreUnavailableError: the metadata database did not answer.
    """
    threshold = timedelta(seconds=conf.getint("scheduler", "scheduler_health_check_threshold"))
    earliest = datetime.now(timezone.utc) - threshold
    jobs = _JOB.c
    query = (
        select(jobs.id, jobs.job_type, jobs.hostname, jobs.latest_heartbeat)
        .where(jobs.state == "running", jobs.job_type.in_(COMPONENTS))
        .order_by(jobs.latest_heartbeat.desc())
        .limit(_MAX_JOBS)
    )
    with mapped_errors(), engine.connect() as connection:
        rows = connection.execute(query).all()
    return [
        AliveJob(job_id, COMPONENTS[job_type], hostname)
        for job_id, job_type, hostname, heartbeat in rows
        if heartbeat is not None and _aware(heartbeat) >= earliest
    ]


def _aware(moment: datetime) -> datetime:
    # SQLite and MySQL store UTC without a time zone.
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)

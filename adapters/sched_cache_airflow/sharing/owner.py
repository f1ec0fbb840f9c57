"""The Airflow that owns the plugin's tables, if they are in a database of their own.

Two Airflows with the same `database_url` and `table_prefix` would remove each other's contents. Therefore the processes
of the first one hold a claim: a row that names one of its jobs and the last heartbeat of that job. Airflow writes
heartbeats to its metadata database every few seconds, so the claim can be checked there. A metadata database belongs
to the same Airflow if it has this job, with the same start and this heartbeat or a later one. Its address, its server,
the password and the pooler before it play no part. A clone of the metadata database has the job, too, but its heartbeat
does not advance there, and soon is older than the claimed one.

A failover may lose the last seconds. Therefore the claim also names a heartbeat that is at least half a minute old, and
each of them is sufficient.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timezone
from typing import NamedTuple

from sqlalchemy import DateTime, Integer, String, column, or_, select, table
from sqlalchemy.engine import Connection

from sched_cache.store.sql.processes import Processes, ProcessReport
from sched_cache_airflow.settings.hold import Hold

logger = logging.getLogger("sched_cache.airflow")

CLAIM = "claim of an Airflow"
"""The key of the claim among the reports of processes."""
LAPSE_SECONDS = 300.0
"""The time without a process of the first Airflow after which another one may claim the tables."""
_STEP_BACK = 30_000_000  # microseconds, between one mark and the next
_N_MARKS = 3
_ALIVE = _N_MARKS * _STEP_BACK

OTHER = (
    "another Airflow, with another metadata database, uses these tables: set another [sched_cache] table_prefix or "
    f"database_url here; if that Airflow is gone for good, wait {LAPSE_SECONDS:.0f} s"
)

_JOB = table(
    "job",
    column("id", Integer),
    column("state", String),
    column("start_date", DateTime(timezone=True)),
    column("latest_heartbeat", DateTime(timezone=True)),
).c


class Mark(NamedTuple):
    """A job of the host and one of its heartbeats, in microseconds."""

    job_id: int
    started: int
    heartbeat: int

    def is_in(self, jobs: dict[int, Mark]) -> bool:
        """Whether the mark may come from the database with these `jobs`."""
        found = jobs.get(self.job_id)
        return found is not None and found.started == self.started and found.heartbeat >= self.heartbeat


class Owner:
    """Renews the claim of this process's Airflow, or finds that another Airflow has it.

    Only one thread may call `look` at a time.
    """

    def __init__(
        self,
        processes: Processes,
        host_transaction: Callable[[], AbstractContextManager[Connection]],
        hold: Hold,
    ) -> None:
        self._processes = processes
        self._host_transaction = host_transaction
        self._hold = hold
        self._is_first_look = True
        self._has_failed = False
        self._foreign: Mark | None = None  # the newest mark of the last claim that was not ours

    def look(self) -> None:
        """Checks the claim once: two statements in the database of the tables, one in the metadata database.

        Raises:
            SchedCacheError, SQLAlchemyError: one of the databases did not answer; nothing changes.
        """
        claimed = self._claimed()
        # Read after the claim, so the jobs are at least as new.
        jobs, newest = self._jobs([mark.job_id for mark in claimed])
        is_first_look, self._is_first_look = self._is_first_look, False
        if claimed and not any(mark.is_in(jobs) for mark in claimed):
            is_renewed = self._foreign is not None and self._foreign != claimed[0]
            self._foreign = claimed[0]
            # A process that serves goes on until the claim is seen to be renewed: after a failover that lost more
            # than a step back, no process renews it.
            if is_first_look or is_renewed:
                self._set(OTHER)
            return
        self._foreign = None
        self._set("")
        mark = self._mark(claimed, jobs, newest)
        if mark is not None:
            self._claim(mark, claimed)

    def try_look(self) -> None:
        """Calls `look`. An error is logged once, and changes nothing."""
        try:
            self.look()
        except Exception as error:
            if not self._has_failed:
                self._has_failed = True
                logger.info(
                    "could not tell whether another Airflow uses these tables: %s (logged once)", error
                )

    def _claimed(self) -> list[Mark]:
        """The marks of a valid claim, newest first."""
        report = self._processes.find(CLAIM)
        if report is None or report.seconds_ago > LAPSE_SECONDS:
            return []
        try:
            return [Mark(*map(int, mark)) for mark in report.facts["jobs"]][:_N_MARKS]
        except (KeyError, TypeError, ValueError):
            return []  # written by another release, or damaged, so any process may claim

    def _jobs(self, job_ids: list[int]) -> tuple[dict[int, Mark], Mark | None]:
        """The jobs with these ids, and the running one with the newest heartbeat."""
        columns = _JOB.id, _JOB.start_date, _JOB.latest_heartbeat
        alive = (
            select(_JOB.id)
            .where(_JOB.state == "running", _JOB.latest_heartbeat.is_not(None))
            .order_by(_JOB.latest_heartbeat.desc())
            .limit(1)
        )
        with self._host_transaction() as connection:
            newest_id = connection.execute(alive).scalar()
            ids = [*job_ids, *([] if newest_id is None else [newest_id])]
            rows = (
                connection.execute(select(*columns).where(or_(*(_JOB.id == one for one in ids))))
                if ids
                else ()
            )
            jobs = {
                job_id: Mark(job_id, _microseconds(started), _microseconds(heartbeat))
                for job_id, started, heartbeat in rows
                if started is not None and heartbeat is not None
            }
        return jobs, None if newest_id is None else jobs.get(newest_id)

    def _mark(self, claimed: list[Mark], jobs: dict[int, Mark], newest: Mark | None) -> Mark | None:
        """The heartbeat to claim by: that of the claimed job while it runs, because a clone has no new ones of it."""
        if claimed and newest is not None:
            same = jobs.get(claimed[0].job_id)
            if (
                same is not None
                and same.started == claimed[0].started
                and newest.heartbeat - same.heartbeat < _ALIVE
            ):
                return same
        return newest

    def _claim(self, mark: Mark, claimed: list[Mark]) -> None:
        """Renews the claim: the newest mark, one up to 30 s older, and one 30 to 60 s older."""
        if claimed:
            # Never older than the present claim, because the older one could come from a clone.
            mark = max(claimed[0], mark, key=lambda one: one.heartbeat)
            if mark.heartbeat - claimed[min(1, len(claimed) - 1)].heartbeat >= _STEP_BACK:
                marks = [mark, mark, *claimed[1:2]]
            else:
                marks = [mark, *claimed[1:]]
        else:
            marks = [mark, mark, mark]
        self._processes.put(ProcessReport(CLAIM, {"jobs": [list(one) for one in marks]}))

    def _set(self, reason: str) -> None:
        if reason and not self._hold.reason:
            logger.warning("sched_cache stays off: %s", reason)
        elif self._hold.reason and not reason:
            logger.info("sched_cache is on: no other Airflow uses its tables any more")
        self._hold.reason = reason


def _microseconds(moment: datetime) -> int:
    # SQLite and MySQL store UTC without a time zone.
    aware = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    since = aware - datetime(1970, 1, 1, tzinfo=timezone.utc)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds

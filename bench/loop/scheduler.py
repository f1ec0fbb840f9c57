"""The real scheduler, one pass of its loop at a time."""

from __future__ import annotations

import time
from typing import Any

from .host import new_runner, null_executor


class Scheduler:
    """A `SchedulerJobRunner` whose executor takes every task and runs none.

    Source: `_do_scheduling` and what surrounds it in `_run_scheduler_loop`,
    airflow/jobs/scheduler_job_runner.py (3.3, 2.11).
    """

    def __init__(self) -> None:
        self._runner: Any = new_runner(null_executor())

    def register(self) -> None:
        """Writes the job's row; needed once per restored database, since runs refer to it."""
        from airflow.utils.session import create_session

        job = self._runner.job
        with create_session() as session:
            # Like a process that has just started, without identities from the previous database.
            from sqlalchemy.orm import make_transient

            make_transient(job)
            job.id = None
            job.prepare_for_execution(session=session)
            session.expunge_all()

    def loop(self) -> tuple[float, float]:
        """(seconds of one pass, including commits; processor seconds of this process in them)."""
        from airflow.utils.session import create_session

        self._runner._dag_id_to_team_name = {}
        start, computing = time.perf_counter(), time.process_time()
        with create_session() as session:
            self._runner._do_scheduling(session)
            session.expunge_all()
        return time.perf_counter() - start, time.process_time() - computing

"""The runs of both DAGs and the states that entry points of either host need them in."""

from __future__ import annotations

import datetime as dt

DATE = dt.datetime(2026, 1, 2, tzinfo=dt.timezone.utc)
RUN = "manual__2026-01-02"
"""Of the run that runs."""

QUEUED_TASKS = (
    f"UPDATE task_instance SET state = 'queued', external_executor_id = 'x', "
    f"queued_by_job_id = (SELECT max(id) FROM job) WHERE run_id = '{RUN}';"
)
SCHEDULED_TASKS = f"UPDATE task_instance SET state = 'scheduled' WHERE run_id = '{RUN}';"
LIMITED = "UPDATE dag SET has_task_concurrency_limits = true;"
PAUSED = (
    "UPDATE dag SET is_paused = true;"
    f"UPDATE dag_run SET last_scheduling_decision = '2026-01-02' WHERE run_id = '{RUN}';"
    f"UPDATE task_instance SET state = 'success', updated_at = '2026-01-03' WHERE run_id = '{RUN}';"
)
DONE = f"UPDATE task_instance SET state = 'success' WHERE run_id = '{RUN}';"
FAILED = f"UPDATE task_instance SET state = 'failed' WHERE run_id = '{RUN}';"
TIMED_OUT = "UPDATE dag_run SET start_date = '2026-01-01';"

"""The runs of the spoilt DAG and the states that entry points need them in."""

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
DEFERRED = f"""
    INSERT INTO trigger (id, classpath, kwargs, created_date) VALUES (77, 'no.such.Trigger', '{{}}', '2026-01-02');
    UPDATE task_instance SET state = 'deferred', trigger_id = 77 WHERE run_id = '{RUN}' AND dag_id = 'bad'
        AND task_id = 'plain';
"""
ASSETS = """
    INSERT INTO asset_dag_run_queue (asset_id, target_dag_id, created_at)
        SELECT asset.id, dag_id, '2026-01-02' FROM asset, dag;
    INSERT INTO dag_schedule_asset_reference (asset_id, dag_id, created_at, updated_at)
        SELECT asset.id, dag_id, '2026-01-02', '2026-01-02' FROM asset, dag;
"""

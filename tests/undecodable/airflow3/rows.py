"""Rows that only Airflow 3 has, in the states that entry points need."""

from __future__ import annotations

from tests.undecodable.states import RUN

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

"""Rows that only Airflow 2.11 has, in the states that entry points need."""

from __future__ import annotations

CHANGED = "UPDATE dag_run SET dag_hash = 'another';"
DATASETS = """
    INSERT INTO dataset_dag_run_queue (dataset_id, target_dag_id, created_at)
        SELECT dataset.id, dag_id, '2026-01-02' FROM dataset, dag;
    INSERT INTO dag_schedule_dataset_reference (dataset_id, dag_id, created_at, updated_at)
        SELECT dataset.id, dag_id, '2026-01-02', '2026-01-02' FROM dataset, dag;
"""

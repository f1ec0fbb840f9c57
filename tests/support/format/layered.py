"""Documents like Airflow's own in size and repetition, for tests of memory."""

from __future__ import annotations

from typing import Any

from tests.support.format.documents import document, group, task


def layered_document(n_tasks: int) -> dict[str, Any]:
    """Bash operators in layers of ten, three upstreams each, in one task group; 650 bytes of JSON a task."""
    ids = [f"layer_{number // 10}_task_{number % 10}" for number in range(n_tasks)]
    rows = [
        task(
            ids[number],
            [ids[below] for below in (number + 9, number + 10, number + 11) if below < n_tasks],
            owner="airflow",
            retries=3,
            retry_delay=300.0,
            pool="default_pool" if number % 7 else "narrow",
            priority_weight=1 + number % 3,
            start_date=1.7e9,
            task_type="BashOperator",
            _task_module="airflow.providers.standard.operators.bash",
            template_fields=["bash_command", "env", "cwd"],
            template_ext=[".sh", ".bash"],
            ui_color="#f0ede4",
            bash_command=f"echo {number}",
            email_on_failure=number % 100 != 0,
        )
        for number in range(n_tasks)
    ]
    return document(
        rows,
        task_group=group(None, dict.fromkeys(ids), tooltip=""),
        timetable={
            "__type": "airflow.timetables.trigger.CronTriggerTimetable",
            "__var": {"expression": "0 0 * * *"},
        },
        catchup=False,
        fileloc="/opt/airflow/dags/layered.py",
        doc_md="# Layers",
    )

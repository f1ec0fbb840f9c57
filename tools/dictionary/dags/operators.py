"""The operators and sensors that come with Airflow, and a few of SQL."""

# Airflow is not installed where types are checked, so its decorators have none.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from tools.dictionary.dags.host import (
    DEFAULT_ARGS,
    MAJOR,
    START,
    Empty,
    chain,
    make_dag,
    named,
    task,
    work,
)

ShortCircuit = named("operators.python.ShortCircuitOperator")
ExternalPython = named("operators.python.ExternalPythonOperator")
TriggerDagRun = named("operators.trigger_dagrun.TriggerDagRunOperator")
LatestOnly = named("operators.latest_only.LatestOnlyOperator")
BranchDateTime = named("operators.datetime.BranchDateTimeOperator")
BranchDayOfWeek = named("operators.weekday.BranchDayOfWeekOperator")
FileSensor = named("sensors.filesystem.FileSensor")
ExternalTaskSensor = named("sensors.external_task.ExternalTaskSensor")
ExternalTaskMarker = named("sensors.external_task.ExternalTaskMarker")
PythonSensor = named("sensors.python.PythonSensor")
BashSensor = named("sensors.bash.BashSensor")
DateTimeSensor = named("sensors.date_time.DateTimeSensor")
DateTimeSensorAsync = named("sensors.date_time.DateTimeSensorAsync")
TimeDeltaSensor = named("sensors.time_delta.TimeDeltaSensor")
TimeSensor = named("sensors.time.TimeSensor")
DayOfWeekSensor = named("sensors.weekday.DayOfWeekSensor")


def sensors() -> Iterator[Any]:
    with make_dag("wait_for_things", "30 6 * * 1-5", default_args=DEFAULT_ARGS) as dag:
        ready = Empty(task_id="ready")
        [
            FileSensor(task_id="wait_for_file", filepath="/data/in/{{ ds }}.csv", poke_interval=30),
            FileSensor(task_id="wait_for_file_async", filepath="/data/in/{{ ds }}.csv", deferrable=True),
            ExternalTaskSensor(
                task_id="wait_for_upstream_dag",
                external_dag_id="ingest",
                external_task_id="done",
                allowed_states=["success"],
                failed_states=["failed", "skipped"],
                mode="reschedule",
                timeout=3600,
            ),
            PythonSensor(
                task_id="wait_for_condition", python_callable=work, mode="reschedule", soft_fail=True
            ),
            BashSensor(task_id="wait_for_command", bash_command="test -f /tmp/done", timeout=60),
            DateTimeSensor(task_id="wait_until", target_time="{{ data_interval_end.add(hours=1) }}"),
            DateTimeSensorAsync(task_id="wait_until_async", target_time="{{ data_interval_end }}"),
            TimeDeltaSensor(task_id="wait_a_little", delta=timedelta(minutes=5)),
            TimeSensor(task_id="wait_for_time", target_time=START.time()),
            DayOfWeekSensor(task_id="wait_for_monday", week_day="Monday"),
        ] >> ready
        ready >> ExternalTaskMarker(task_id="mark", external_dag_id="report", external_task_id="start")
    yield dag


def operators() -> Iterator[Any]:
    with make_dag("operators", "0 2 * * *", default_args=DEFAULT_ARGS, tags=["misc"]) as dag:
        chain(
            LatestOnly(task_id="latest_only"),
            ShortCircuit(task_id="is_needed", python_callable=work, ignore_downstream_trigger_rules=False),
            BranchDateTime(
                task_id="by_time",
                target_lower=START,
                target_upper=START,
                follow_task_ids_if_true=["old"],
                follow_task_ids_if_false=["external"],
            ),
            [
                ExternalPython(task_id="old", python="/opt/old/bin/python", python_callable=work),
                ExternalPython(task_id="external", python="/opt/venv/bin/python", python_callable=work),
            ],
            TriggerDagRun(
                task_id="trigger", trigger_dag_id="report", conf={"a": 1}, wait_for_completion=True
            ),
            BranchDayOfWeek(
                task_id="by_day",
                follow_task_ids_if_true="end",
                follow_task_ids_if_false="end",
                week_day="Monday",
            ),
            Empty(task_id="end"),
        )
    yield dag


def sql() -> Iterator[Any]:
    from airflow.providers.common.sql.operators.sql import (
        BranchSQLOperator,
        SQLCheckOperator,
        SQLColumnCheckOperator,
        SQLExecuteQueryOperator,
        SQLTableCheckOperator,
    )

    with make_dag("warehouse_load", "0 3 * * *", default_args=DEFAULT_ARGS, tags=["sql", "warehouse"]) as dag:
        connection = {"conn_id": "warehouse"}
        chain(
            SQLExecuteQueryOperator(
                task_id="create_table",
                sql="CREATE TABLE IF NOT EXISTS orders (id INT, ds DATE)",
                **connection,
            ),
            SQLExecuteQueryOperator(
                task_id="load",
                sql="INSERT INTO orders SELECT * FROM staging WHERE ds = '{{ ds }}'",
                **connection,
            ),
            SQLColumnCheckOperator(
                task_id="check_columns",
                table="orders",
                column_mapping={"id": {"null_check": {"equal_to": 0}}},
                **connection,
            ),
            SQLTableCheckOperator(
                task_id="check_table",
                table="orders",
                checks={"row_count_check": {"check_statement": "COUNT(*) > 0"}},
                **connection,
            ),
            SQLCheckOperator(task_id="check", sql="SELECT COUNT(*) FROM orders", **connection),
            BranchSQLOperator(
                task_id="branch",
                sql="SELECT 1",
                follow_task_ids_if_true="yes",
                follow_task_ids_if_false="no",
                **connection,
            ),
            [Empty(task_id="yes"), Empty(task_id="no")],
        )
    yield dag


def decorated() -> Iterator[Any]:
    with make_dag("decorated", "@daily", default_args=DEFAULT_ARGS, tags=["taskflow"]) as dag:

        @task.branch
        def choose() -> str:
            return "in_bash"

        # Airflow 2.11 writes an object's address into the document of `@task.bash`.
        @(task.bash if MAJOR == 3 else task)
        def in_bash() -> str:
            return "echo 1"

        @task.short_circuit
        def is_needed() -> bool:
            return True

        @task.sensor(poke_interval=60, timeout=3600, mode="reschedule")
        def wait() -> bool:
            return True

        @task.external_python(python="/opt/venv/bin/python")
        def in_other_python() -> None: ...

        wait() >> choose() >> [in_bash(), is_needed()] >> in_other_python()
    yield dag


FAMILIES = (sensors, operators, sql, decorated)

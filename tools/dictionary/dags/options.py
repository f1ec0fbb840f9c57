"""Options of DAGs and tasks: schedules, parameters, assets, trigger rules, and what is rarely set."""

# Airflow is not installed where types are checked, so its decorators have none.
# mypy: disable-error-code="untyped-decorator"

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

from airflow.timetables.trigger import CronTriggerTimetable

from tools.dictionary.dags.host import MAJOR, Asset, Bash, Empty, Param, Python, make_dag, notify, task, work


def rare_options() -> Iterator[Any]:
    with make_dag(
        "rare_options",
        timedelta(hours=6),
        end_date=datetime(2030, 12, 31, tzinfo=timezone.utc),
        dag_display_name="Rare options",
        max_active_runs=1,
        max_active_tasks=4,
        max_consecutive_failed_dag_runs=3,
        is_paused_upon_creation=True,
        render_template_as_native_obj=True,
        template_searchpath=["/opt/airflow/templates", "/opt/airflow/sql"],
        owner_links={"data-platform": "https://wiki.example.com/data-platform"},
        access_control={"Viewer": {"DAGs": {"can_read"}}},
        **({"fail_fast": True} if MAJOR == 3 else {"fail_stop": True, "orientation": "TB"}),
    ) as dag:
        first = Bash(
            task_id="run_job",
            bash_command="job.sh",
            env={"ENV": "prod"},
            append_env=True,
            cwd="/tmp",
            pool="limited",
            pool_slots=2,
            queue="kubernetes",
            priority_weight=10,
            weight_rule="absolute",
            run_as_user="airflow",
            executor_config={"KubernetesExecutor": {"image": "python:3.12"}},
            execution_timeout=timedelta(hours=1),
            retry_exponential_backoff=True,
            max_retry_delay=timedelta(minutes=30),
            max_active_tis_per_dag=1,
            max_active_tis_per_dagrun=1,
            do_xcom_push=False,
            wait_for_downstream=True,
            ignore_first_depends_on_past=False,
            doc="Runs the job.",
            doc_json='{"a": 1}',
            doc_yaml="a: 1",
            doc_rst="Runs the job.",
            task_display_name="Run the job",
            resources={"cpus": 1, "ram": 512},
            on_execute_callback=notify,
            on_success_callback=notify,
            on_retry_callback=notify,
            on_failure_callback=notify,
            on_skipped_callback=notify,
            map_index_template="{{ task.task_id }}",
            end_date=datetime(2029, 12, 31, tzinfo=timezone.utc),
        )
        last = Python(task_id="report", python_callable=work, weight_rule="upstream", multiple_outputs=True)
        first >> last
    yield dag


def trigger_rules() -> Iterator[Any]:
    rules = (
        "all_failed",
        "all_done",
        "all_done_min_one_success",
        "one_failed",
        "one_success",
        "one_done",
        "none_skipped",
        "all_skipped",
        "none_failed",
        "always",
    )
    with make_dag("trigger_rules", "@once") as dag:
        start = Empty(task_id="start")
        for rule in rules:
            if MAJOR == 3 or rule != "all_done_min_one_success":
                start >> Empty(task_id=f"on_{rule}", trigger_rule=rule)
    yield dag


def schedules() -> Iterator[Any]:
    schedules: dict[str, Any] = {
        "continuous": "@continuous",
        "cron_trigger": CronTriggerTimetable("0 1 * * 3", timezone="Europe/Berlin"),
        "weekly": "@weekly",
        "monthly": "@monthly",
        "every_quarter_hour": "*/15 * * * *",
    }
    if MAJOR == 3:
        from airflow.timetables.interval import CronDataIntervalTimetable, DeltaDataIntervalTimetable
        from airflow.timetables.trigger import DeltaTriggerTimetable, MultipleCronTriggerTimetable

        schedules["data_interval"] = CronDataIntervalTimetable("0 0 * * *", timezone="UTC")
        schedules["delta_interval"] = DeltaDataIntervalTimetable(timedelta(days=1))
        schedules["delta_trigger"] = DeltaTriggerTimetable(timedelta(hours=1))
        schedules["crons"] = MultipleCronTriggerTimetable("0 9 * * *", "0 17 * * *", timezone="UTC")
    for name, schedule in schedules.items():
        with make_dag(f"schedule_{name}", schedule, max_active_runs=1 if name == "continuous" else 16) as dag:
            Empty(task_id="task")
        yield dag


def parameters() -> Iterator[Any]:
    with make_dag(
        "parameters",
        None,
        params={
            "name": Param("world", type="string", title="Name", description="Whom to greet", minLength=1),
            "count": Param(3, type="integer", minimum=1, maximum=10, section="Numbers"),
            "ratio": Param(0.5, type="number"),
            "enabled": Param(True, type="boolean"),
            "when": Param(None, type=["null", "string"], format="date-time"),
            "day": Param("2024-01-01", type="string", format="date"),
            "choice": Param("a", enum=["a", "b", "c"], values_display={"a": "A"}),
            "items": Param(["one", "two"], type="array", items={"type": "string"}),
            "settings": Param({"key": "value"}, type=["object", "null"], const=None),
            "plain": 1,
            "text": "text",
        },
        doc_md="### Parameters\nRuns with what the form says.",
        description="Runs by hand",
    ) as dag:
        Bash(task_id="show", bash_command="echo {{ params.name }} {{ params.count }}", params={"more": "x"})
    yield dag


def assets() -> Iterator[Any]:
    raw, clean = (
        Asset("s3://bucket/raw/orders.csv"),
        Asset("s3://bucket/clean/orders.csv", extra={"team": "data"}),
    )
    with make_dag("produce", "@hourly", tags=["orders"]) as dag:
        Bash(task_id="write", bash_command="sleep 5", outlets=[raw])

        @task(outlets=[clean], inlets=[raw])
        def write_clean() -> None: ...

        write_clean()
    yield dag
    for name, schedule in {
        "one": [raw],
        "two": [raw, clean],
        "any": (raw | clean),
        "all": (raw & clean),
    }.items():
        with make_dag(f"consume_{name}", schedule, tags=["orders", "report"]) as dag:
            Bash(task_id="read", bash_command="sleep 5", outlets=[Asset(f"s3://bucket/report/{name}")])
        yield dag
    if MAJOR == 3:
        from airflow.sdk import AssetAlias
        from airflow.timetables.assets import AssetOrTimeSchedule

        both = AssetOrTimeSchedule(timetable=CronTriggerTimetable("0 1 * * *", timezone="UTC"), assets=[raw])
        alias = AssetAlias("orders")
    else:
        from airflow.datasets import DatasetAlias
        from airflow.timetables.datasets import DatasetOrTimeSchedule

        both = DatasetOrTimeSchedule(
            timetable=CronTriggerTimetable("0 1 * * *", timezone="UTC"), datasets=[raw]
        )
        alias = DatasetAlias("orders")
    with make_dag("consume_or_time", both) as dag:
        Empty(task_id="read")
    yield dag
    if MAJOR == 3:
        with make_dag("consume_alias", [alias]) as dag:
            Empty(task_id="read", outlets=[alias])
        yield dag


FAMILIES = (rare_options, trigger_rules, schedules, parameters, assets)

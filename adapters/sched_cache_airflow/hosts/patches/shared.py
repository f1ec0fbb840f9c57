"""The rows that the tables of both hosts have, group by group."""

from __future__ import annotations

from typing import Final

from sched_cache_airflow.patching.patch_table import OWN, Patch

DAG_RUN: Final = "airflow.models.dagrun:DagRun"
RUNNER: Final = "airflow.jobs.scheduler_job_runner:SchedulerJobRunner"

_JOB: Final = "airflow.jobs.job:Job"
_RULES: Final = "airflow.task.priority_strategy"
_TASK_INSTANCE: Final = "airflow.models.taskinstance:TaskInstance"

_CREATION: Final = "hosts.shared.run_creation"
_DECISIONS: Final = "fast_path.decisions"
_JOBS: Final = "hosts.shared.jobs"

RUNNERS: Final = (
    "airflow.jobs.scheduler_job_runner",
    "airflow.jobs.triggerer_job_runner",
    "airflow.jobs.dag_processor_job_runner",
)
WRITERS: Final = (
    "airflow.models.serialized_dag",
    "airflow.utils.db_cleanup",
    "airflow.api.common.delete_dag",
)
BASES: Final = ("airflow.models.dagbag", "airflow.models.dagrun", "airflow.models.serialized_dag")

DAG_OF_A_ROW: Final = (
    Patch(
        "airflow.models.serialized_dag:SerializedDagModel.dag",
        "hosts.shared.serialized_dag_model:dag",
        group="DAG of a row",
        fits=OWN,
        with_process=True,
        why="A DAG that is in memory is not deserialized again.",
    ),
)

WEIGHTS: Final = (
    Patch(
        f"{_RULES}:_DownstreamPriorityWeightStrategy.get_weight",
        f"{_CREATION}:downstream_weight",
        group="weights",
        fits="weights",
        with_process=True,
        why="The weight of all tasks below is looked up, where the host adds it up for each task instance.",
    ),
    Patch(
        f"{_RULES}:_UpstreamPriorityWeightStrategy.get_weight",
        f"{_CREATION}:upstream_weight",
        group="weights",
        fits="weights",
        with_process=True,
        why="The weight of all tasks above is looked up, where the host adds it up for each task instance.",
    ),
)

TASK_INSTANCES: Final = (
    Patch(
        f"{_TASK_INSTANCE}.insert_mapping",
        f"{_CREATION}:insert_mapping",
        group="new task instances",
        fits="insert_mapping",
        with_process=True,
        why="The row of a new task instance is made without an ORM object.",
    ),
    Patch(
        f"{_TASK_INSTANCE}.get_dagrun",
        "fast_path.get_dagrun:get_dagrun",
        group="run of a task instance",
        fits="get_dagrun",
        why="The run that is loaded is taken without a view of all attributes.",
    ),
)

DECISION: Final = (
    Patch(
        f"{DAG_RUN}.task_instance_scheduling_decisions",
        f"{_DECISIONS}:task_instance_scheduling_decisions",
        group="decisions",
        why="Task instances that are proven blocked are neither loaded nor asked.",
    ),
)

AROUND_A_DECISION: Final = (
    Patch(
        f"{DAG_RUN}.verify_integrity",
        f"{_DECISIONS}:verify_integrity",
        group="decisions",
        why="Rows that were read of the run before count no more.",
    ),
    Patch(
        f"{DAG_RUN}._are_premature_tis",
        f"{_DECISIONS}:are_premature_tis",
        group="decisions",
        why="The search for a deadlock asks only task instances that may not be blocked.",
    ),
    Patch(
        f"{DAG_RUN}._tis_for_dagrun_state",
        f"{_DECISIONS}:tis_for_dagrun_state",
        group="decisions",
        why="The leaves of a run are looked for when it ends, and not in every loop.",
    ),
)

JOBS: Final = (
    Patch(
        f"{_JOB}.prepare_for_execution",
        f"{_JOBS}:prepare_for_execution",
        group="jobs",
        with_process=True,
        why="The process reports on itself from now on.",
    ),
    Patch(
        f"{_JOB}.complete_execution",
        f"{_JOBS}:complete_execution",
        group="jobs",
        with_process=True,
        why="The process ends, and its reports with it.",
    ),
)

IDLE_SLEEP: Final = (
    Patch(
        "airflow.jobs.scheduler_job_runner:time",
        "hosts.shared.idle_sleep:time_module",
        group="idle sleep",
        is_optional=True,
        with_process=True,
        why="The idle sleep of the loop ends when there is something to do. `time.sleep` itself stays as it is.",
    ),
)

"""Everything that is replaced in Airflow 3."""

from __future__ import annotations

from typing import Final

from sched_cache_airflow.patching.patch_table import OWN, Patch, PatchTable

_DAG_RUN: Final = "airflow.models.dagrun:DagRun"
_JOB: Final = "airflow.jobs.job:Job"
_ROW: Final = "airflow.models.serialized_dag:SerializedDagModel"
_RULES: Final = "airflow.task.priority_strategy"
_RUNNER: Final = "airflow.jobs.scheduler_job_runner:SchedulerJobRunner"
_TASK_INSTANCE: Final = "airflow.models.taskinstance:TaskInstance"

_BAG: Final = "hosts.airflow3.dags.dag_bag:CompactDagBag"
_BAG_NAME: Final = "hosts.airflow3.compat:BAG"
_CREATION: Final = "hosts.airflow3.run_creation"
_DECISIONS: Final = "fast_path.decisions"
_JOBS: Final = "hosts.airflow3.jobs:jobs"
_ROWS: Final = "hosts.airflow3.dags.serialized_dag_model"
_SCHEDULED: Final = "hosts.airflow3.decisions.scheduled_rows"
_SCHEDULER: Final = "hosts.airflow3.scheduler"

PATCHES: Final = PatchTable(
    users=(
        "airflow.jobs.scheduler_job_runner",
        "airflow.jobs.triggerer_job_runner",
        "airflow.jobs.dag_processor_job_runner",
        "airflow.api_fastapi.common.dagbag",
    ),
    writers=(
        "airflow.models.serialized_dag",
        "airflow.utils.db_cleanup",
        "airflow.api.common.delete_dag",
    ),
    bases=("airflow.models.dagbag", "airflow.models.dagrun", "airflow.models.serialized_dag"),
    rows=(
        Patch(
            f"{_ROW}.dag",
            f"{_ROWS}:dag",
            group="DAG of a row",
            fits=OWN,
            why="A DAG that is in memory is not deserialized again.",
        ),
        Patch(
            f"{_ROW}.latest_item_select_object",
            f"{_ROWS}:latest_statement",
            group="statement for the latest row",
            why="Callers in the host that need no document do not have it read.",
        ),
        Patch(
            f"{_ROW}.get_latest_serialized_dags",
            f"{_ROWS}:latest_rows",
            group="latest rows",
            fits=OWN,
            why="Most loops ask about no DAG, which needs no query, and callers that need no document have none read.",
        ),
        Patch(
            "airflow.models.dagbag:CachedDBDagBag",
            _BAG,
            named_by=_BAG_NAME,
            group="bag",
            fits=OWN,
            why="Schedulers and API servers get compact DAGs, by the hash that the host's row has now.",
        ),
        Patch(
            f"{_RULES}:_DownstreamPriorityWeightStrategy.get_weight",
            f"{_CREATION}:weights.downstream",
            group="weights",
            fits="weights",
            why="The weight of all tasks below is looked up, where the host adds it up for each task instance.",
        ),
        Patch(
            f"{_RULES}:_UpstreamPriorityWeightStrategy.get_weight",
            f"{_CREATION}:weights.upstream",
            group="weights",
            fits="weights",
            why="The weight of all tasks above is looked up, where the host adds it up for each task instance.",
        ),
        Patch(
            f"{_TASK_INSTANCE}.insert_mapping",
            f"{_CREATION}:insert_mapping",
            group="new task instances",
            fits="insert_mapping",
            why="The row of a new task instance is made without an ORM object.",
        ),
        Patch(
            f"{_TASK_INSTANCE}.get_dagrun",
            "fast_path.get_dagrun:get_dagrun",
            group="run of a task instance",
            fits="get_dagrun",
            why="The run that is loaded is taken without a view of all attributes.",
        ),
        Patch(
            f"{_DAG_RUN}.get_running_dag_runs_to_examine",
            f"{_SCHEDULER}:runs_to_examine",
            group="runs of a loop",
            why="The versions of all running runs are read in one query, after the runs are locked.",
        ),
        Patch(
            f"{_DAG_RUN}.get_queued_dag_runs_to_set_running",
            f"{_SCHEDULER}:runs_to_examine",
            group="runs of a loop",
            why="The versions of all queued runs are read in one query, after the runs are locked.",
        ),
        # Outside of the first of this group: the versions of a loop are read before its runs are noted.
        Patch(
            f"{_DAG_RUN}.get_running_dag_runs_to_examine",
            f"{_SCHEDULER}:runs_to_decide",
            group="runs of a loop",
            why="The rows of all runs that the loop decides are read in one query, by the first decision.",
        ),
        Patch(
            f"{_DAG_RUN}.task_instance_scheduling_decisions",
            f"{_DECISIONS}:task_instance_scheduling_decisions",
            group="decisions",
            why="Task instances that are proven blocked are neither loaded nor asked.",
        ),
        Patch(
            f"{_DAG_RUN}.verify_integrity",
            f"{_SCHEDULER}:verify_integrity",
            group="decisions",
            why="A run that was just created has what its content has, and is not compared with it.",
        ),
        # Outside of the decision: a run is reconciled before it is decided.
        Patch(
            f"{_DAG_RUN}.task_instance_scheduling_decisions",
            f"{_SCHEDULER}:task_instance_scheduling_decisions",
            group="decisions",
            why="A run is given the tasks that its content has by now before it is decided.",
        ),
        Patch(
            f"{_DAG_RUN}.verify_integrity",
            f"{_DECISIONS}:verify_integrity",
            group="decisions",
            why="Rows that were read of the run before count no more.",
        ),
        Patch(
            f"{_DAG_RUN}._are_premature_tis",
            f"{_DECISIONS}:are_premature_tis",
            group="decisions",
            why="The search for a deadlock asks only task instances that may not be blocked.",
        ),
        Patch(
            f"{_DAG_RUN}._tis_for_dagrun_state",
            f"{_DECISIONS}:tis_for_dagrun_state",
            group="decisions",
            why="The leaves of a run are looked for when it ends, and not in every loop.",
        ),
        Patch(
            f"{_DAG_RUN}.schedule_tis",
            f"{_SCHEDULED}:schedule_tis",
            group="scheduled rows",
            fits="schedule_tis",
            why="What a loop found ready is noted, to be written in one statement.",
        ),
        Patch(
            f"{_JOB}.prepare_for_execution",
            f"{_JOBS}.prepare_for_execution",
            group="jobs",
            why="The process reports on itself from now on.",
        ),
        Patch(
            f"{_JOB}.complete_execution",
            f"{_JOBS}.complete_execution",
            group="jobs",
            why="The process ends, and its reports with it.",
        ),
        Patch(
            "airflow.jobs.scheduler_job_runner:CachedDBDagBag",
            _BAG,
            named_by=_BAG_NAME,
            group="bag of schedulers",
            fits=OWN,
            why="The module may have imported the host's bag before.",
        ),
        Patch(
            f"{_RUNNER}._do_scheduling",
            f"{_SCHEDULER}:do_scheduling",
            group="loop",
            why="The look-ups of one loop are answered together.",
        ),
        Patch(
            f"{_RUNNER}._schedule_all_dag_runs",
            f"{_SCHEDULED}:schedule_all_dag_runs",
            group="loop",
            why="What the loop found ready is written behind its last run.",
        ),
        Patch(
            f"{_RUNNER}._set_exceeds_max_active_runs",
            f"{_SCHEDULER}:set_exceeds_max_active_runs",
            group="loop",
            why="A row that was read for the whole loop is read again where a flag depends on it.",
        ),
        Patch(
            f"{_RUNNER}._create_dag_runs",
            f"{_SCHEDULER}:create_dag_runs",
            group="creation of runs",
            fits=OWN,
            why="Most loops create no run, and need no query for that.",
        ),
        Patch(
            f"{_RUNNER}._get_current_dag",
            f"{_SCHEDULER}:get_current_dag",
            group="DAG of a new run",
            fits=OWN,
            why="A run is created from the content that is current, which is in memory.",
        ),
        Patch(
            f"{_RUNNER}._verify_integrity_if_dag_changed",
            f"{_SCHEDULER}:verify_integrity_if_dag_changed",
            group="changed DAGs",
            fits=OWN,
            why="A run that agrees with its content needs no query.",
        ),
        Patch(
            "airflow.api_fastapi.common.dagbag:CachedDBDagBag",
            _BAG,
            named_by=_BAG_NAME,
            group="bag of API servers",
            fits=OWN,
            why="The module may have imported the host's bag before.",
        ),
    ),
)

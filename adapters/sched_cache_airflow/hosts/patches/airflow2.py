"""Everything that is replaced in Airflow 2."""

from __future__ import annotations

from typing import Final

from sched_cache_airflow.patching.patch_table import OWN, Patch, PatchTable

_DAG_RUN: Final = "airflow.models.dagrun:DagRun"
_JOB: Final = "airflow.jobs.job:Job"
_RULES: Final = "airflow.task.priority_strategy"
_RUNNER: Final = "airflow.jobs.scheduler_job_runner:SchedulerJobRunner"
_TASK_INSTANCE: Final = "airflow.models.taskinstance:TaskInstance"

_BAG: Final = "hosts.airflow2.dags.dag_bag:CertifiedDagBag"
_CREATION: Final = "hosts.airflow2.run_creation"
_DECISIONS: Final = "fast_path.decisions"
_JOBS: Final = "hosts.airflow2.jobs:jobs"
_SCHEDULER: Final = "hosts.airflow2.scheduler"
_WEBSERVER: Final = "hosts.airflow2.webserver"


def _bag_name(module: str, group: str) -> Patch:
    return Patch(
        f"{module}:DagBag",
        _BAG,
        group=group,
        fits=OWN,
        is_optional=True,
        why="The module may have imported the host's bag before.",
    )


PATCHES: Final = PatchTable(
    users=(
        "airflow.jobs.scheduler_job_runner",
        "airflow.jobs.triggerer_job_runner",
        "airflow.jobs.dag_processor_job_runner",
        "airflow.www.extensions.init_dagbag",
        "airflow.www.gunicorn_config",
    ),
    writers=(
        "airflow.models.serialized_dag",
        "airflow.utils.db_cleanup",
        "airflow.api.common.delete_dag",
    ),
    bases=("airflow.models.dagbag", "airflow.models.dagrun", "airflow.models.serialized_dag"),
    rows=(
        Patch(
            "airflow.models.serialized_dag:SerializedDagModel.dag",
            "hosts.airflow2.dags.serialized_dag_model:dag",
            group="DAG of a row",
            fits=OWN,
            why="A DAG that is in memory is not deserialized again.",
        ),
        Patch(
            "airflow.models.dagbag:DagBag",
            _BAG,
            group="bag",
            fits=OWN,
            why="Schedulers and webservers get compact DAGs, by the hash that the host's row has now.",
        ),
        _bag_name("airflow.models", "bag of plugins"),
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
        _bag_name("airflow.models.taskinstance", "bag of tasks"),
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
            f"{_DAG_RUN}.task_instance_scheduling_decisions",
            f"{_DECISIONS}:task_instance_scheduling_decisions",
            group="decisions",
            why="Task instances that are proven blocked are neither loaded nor asked.",
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
        _bag_name("airflow.jobs.scheduler_job_runner", "bag of schedulers"),
        Patch(
            f"{_RUNNER}._do_scheduling",
            f"{_SCHEDULER}:do_scheduling",
            group="loop",
            why="The look-ups of one loop are answered together.",
        ),
        Patch(
            f"{_RUNNER}._get_next_dagruns_to_examine",
            f"{_SCHEDULER}:runs_to_examine",
            group="loop",
            why="The hashes of all runs of a loop are read in one query, after the runs are locked.",
        ),
        Patch(
            f"{_RUNNER}._should_update_dag_next_dagruns",
            f"{_SCHEDULER}:should_update_dag_next_dagruns",
            group="loop",
            why="A row that was read for the whole loop is read again where dates depend on it.",
        ),
        Patch(
            f"{_RUNNER}._verify_integrity_if_dag_changed",
            f"{_SCHEDULER}:verify_integrity_if_dag_changed",
            group="changed DAGs",
            fits=OWN,
            why="A run gets the hash of the DAG that it was verified by, and no other one.",
        ),
        _bag_name("airflow.api.common.trigger_dag", "bag of triggers"),
        _bag_name("airflow.www.extensions.init_dagbag", "bag of webservers"),
        Patch(
            "airflow.www.extensions.init_dagbag:init_dagbag",
            f"{_WEBSERVER}:init_dagbag",
            group="webserver",
            why="The app's bag is the one that is kept up to date in the background.",
        ),
        Patch(
            "airflow.www.gunicorn_config:post_worker_init",
            f"{_WEBSERVER}:post_worker_init",
            group="worker of a webserver",
            why="A worker is no job of the host, and reports and refreshes from its beginning.",
        ),
    ),
)

"""The table of patches for Airflow 3."""

from __future__ import annotations

from typing import Final

from sched_cache_airflow.hosts.patches import shared
from sched_cache_airflow.hosts.patches.shared import DAG_RUN, RUNNER
from sched_cache_airflow.patching.patch_table import OWN, Patch, PatchTable

_ROW: Final = "airflow.models.serialized_dag:SerializedDagModel"

_BAG: Final = "hosts.airflow3.dags.dag_bag:CompactDagBag"
_BAG_NAME: Final = "hosts.airflow3.compat:BAG"
_ROWS: Final = "hosts.airflow3.dags.serialized_dag_model"
_SCHEDULED: Final = "hosts.airflow3.decisions.scheduled_rows"
_SCHEDULER: Final = "hosts.airflow3.scheduler"

PATCHES: Final = PatchTable(
    users=(
        *shared.RUNNERS,
        "airflow.api_fastapi.common.dagbag",
    ),
    writers=shared.WRITERS,
    bases=shared.BASES,
    rows=(
        *shared.DAG_OF_A_ROW,
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
            with_process=True,
            why="Schedulers and API servers get compact DAGs, by the hash that the host's row has now.",
        ),
        *shared.WEIGHTS,
        *shared.TASK_INSTANCES,
        Patch(
            f"{DAG_RUN}.get_running_dag_runs_to_examine",
            f"{_SCHEDULER}:runs_to_examine",
            group="runs of a loop",
            with_process=True,
            why="The versions of all running runs are read in one query, after the runs are locked.",
        ),
        Patch(
            f"{DAG_RUN}.get_queued_dag_runs_to_set_running",
            f"{_SCHEDULER}:runs_to_examine",
            group="runs of a loop",
            with_process=True,
            why="The versions of all queued runs are read in one query, after the runs are locked.",
        ),
        # Wraps the first patch of this group, so that the versions of a loop are read before its runs are noted.
        Patch(
            f"{DAG_RUN}.get_running_dag_runs_to_examine",
            f"{_SCHEDULER}:runs_to_decide",
            group="runs of a loop",
            with_process=True,
            why="The rows of all runs that the loop decides are read in one query, by the first decision.",
        ),
        *shared.DECISION,
        Patch(
            f"{DAG_RUN}.verify_integrity",
            f"{_SCHEDULER}:verify_integrity",
            group="decisions",
            with_process=True,
            why="A run that was just created has what its content has, and is not compared with it.",
        ),
        # Wraps the decision, so that a run is reconciled before it is decided.
        Patch(
            f"{DAG_RUN}.task_instance_scheduling_decisions",
            f"{_SCHEDULER}:task_instance_scheduling_decisions",
            group="decisions",
            with_process=True,
            why="A run is given the tasks that its content has by now before it is decided.",
        ),
        *shared.AROUND_A_DECISION,
        Patch(
            f"{DAG_RUN}.schedule_tis",
            f"{_SCHEDULED}:schedule_tis",
            group="scheduled rows",
            fits="schedule_tis",
            with_process=True,
            why="What a loop found ready is noted, to be written in one statement.",
        ),
        Patch(
            "airflow.executors.workloads.base:BaseWorkloadSchema.generate_token",
            "hosts.airflow3.workload_tokens:generate_token",
            group="tokens",
            fits=OWN,
            is_optional=True,
            why="The option that limits the validity of a token is read once for all tasks that a loop queues.",
        ),
        *shared.JOBS,
        Patch(
            "airflow.jobs.scheduler_job_runner:CachedDBDagBag",
            _BAG,
            named_by=_BAG_NAME,
            group="bag of schedulers",
            fits=OWN,
            with_process=True,
            why="The module may have imported the host's bag before.",
        ),
        *shared.IDLE_SLEEP,
        Patch(
            f"{RUNNER}._critical_section_enqueue_task_instances",
            f"{_SCHEDULER}:critical_section",
            group="critical section",
            fits="critical_section",
            with_process=True,
            why="A loop queues until no slot is free, not `max_tis_per_query` task instances.",
        ),
        Patch(
            f"{RUNNER}._do_scheduling",
            f"{_SCHEDULER}:do_scheduling",
            group="loop",
            with_process=True,
            why="The look-ups of one loop are answered together.",
        ),
        Patch(
            f"{RUNNER}._schedule_all_dag_runs",
            f"{_SCHEDULED}:schedule_all_dag_runs",
            group="loop",
            with_process=True,
            why="What the loop found ready is written behind its last run.",
        ),
        Patch(
            f"{RUNNER}._set_exceeds_max_active_runs",
            f"{_SCHEDULER}:ends_a_run",
            named_by="hosts.airflow3.compat:ENDS_A_RUN",
            group="loop",
            why="A row that was read for the whole loop is read again where a flag or dates depend on it.",
        ),
        Patch(
            f"{RUNNER}._create_dag_runs",
            f"{_SCHEDULER}:create_dag_runs",
            group="creation of runs",
            fits=OWN,
            why="Most loops create no run, and need no query for that.",
        ),
        Patch(
            f"{RUNNER}._get_current_dag",
            f"{_SCHEDULER}:get_current_dag",
            group="DAG of a new run",
            named_by="hosts.airflow3.compat:current_dag_in",
            fits=OWN,
            with_process=True,
            why="A run is created from the content that is current, which is in memory.",
        ),
        Patch(
            f"{RUNNER}._verify_integrity_if_dag_changed",
            f"{_SCHEDULER}:verify_integrity_if_dag_changed",
            group="changed DAGs",
            fits=OWN,
            with_process=True,
            why="A run that agrees with its content needs no query.",
        ),
        Patch(
            "airflow.api_fastapi.common.dagbag:CachedDBDagBag",
            _BAG,
            named_by=_BAG_NAME,
            group="bag of API servers",
            fits=OWN,
            with_process=True,
            why="The module may have imported the host's bag before.",
        ),
    ),
)

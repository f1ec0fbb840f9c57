"""The table of patches for Airflow 2."""

from __future__ import annotations

from typing import Final

from sched_cache_airflow.hosts.patches import shared
from sched_cache_airflow.hosts.patches.shared import RUNNER
from sched_cache_airflow.patching.patch_table import OWN, Patch, PatchTable

_BAG: Final = "hosts.airflow2.dags.dag_bag:CertifiedDagBag"
_SCHEDULER: Final = "hosts.airflow2.scheduler"
_WEBSERVER: Final = "hosts.airflow2.webserver"


def _bag_name(module: str, group: str) -> Patch:
    return Patch(
        f"{module}:DagBag",
        _BAG,
        group=group,
        fits=OWN,
        is_optional=True,
        with_process=True,
        why="The module may have imported the host's bag before.",
    )


PATCHES: Final = PatchTable(
    users=(
        *shared.RUNNERS,
        "airflow.www.extensions.init_dagbag",
        "airflow.www.gunicorn_config",
    ),
    writers=shared.WRITERS,
    bases=shared.BASES,
    rows=(
        *shared.DAG_OF_A_ROW,
        Patch(
            "airflow.models.dagbag:DagBag",
            _BAG,
            group="bag",
            fits=OWN,
            with_process=True,
            why="Schedulers and webservers get compact DAGs, by the hash that the host's row has now.",
        ),
        _bag_name("airflow.models", "bag of plugins"),
        *shared.WEIGHTS,
        _bag_name("airflow.models.taskinstance", "bag of tasks"),
        *shared.TASK_INSTANCES,
        *shared.DECISION,
        *shared.AROUND_A_DECISION,
        *shared.JOBS,
        _bag_name("airflow.jobs.scheduler_job_runner", "bag of schedulers"),
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
            f"{RUNNER}._get_next_dagruns_to_examine",
            f"{_SCHEDULER}:runs_to_examine",
            group="loop",
            with_process=True,
            why="The hashes of all runs of a loop are read in one query, after the runs are locked.",
        ),
        Patch(
            f"{RUNNER}._should_update_dag_next_dagruns",
            f"{_SCHEDULER}:should_update_dag_next_dagruns",
            group="loop",
            why="A row that was read for the whole loop is read again where dates depend on it.",
        ),
        Patch(
            f"{RUNNER}._verify_integrity_if_dag_changed",
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
            with_process=True,
            why="A worker is no job of the host, and reports and refreshes from its beginning.",
        ),
    ),
)

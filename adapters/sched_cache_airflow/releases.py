"""The releases of Airflow that the plugin is made for and tested with: one row for each range, and nowhere else.

`python -m sched_cache_airflow.patching.known_code` prints the digests of the release that is installed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from typing import Final

_DISTRIBUTIONS: Final = ("apache-airflow-core", "apache-airflow")


@dataclass(frozen=True, slots=True)
class Release:
    """Releases that one folder serves.

    Digests are those of the host's source, by `module:` for a whole module and `module:Class.function` for a function.
    A release with other code is served without the part concerned.
    """

    prefix: str
    """Of their version numbers."""
    folder: str
    """The package with our parts for them."""
    document_versions: tuple[int, ...]
    """Versions of serialized DAGs that the host reads as they are; older ones it rewrites first."""
    decisions: Mapping[str, str]
    """Digests of what the fast path rests on: all of them have to fit."""
    run_creation: Mapping[str, str]
    """Digests of what is replaced where runs are created, each for itself."""
    loop: Mapping[str, str]
    """Digests of what else is replaced in each loop, each for itself."""


AIRFLOW_3_3: Final = Release(
    prefix="3.3.",
    folder="sched_cache_airflow.hosts.airflow3",
    document_versions=(2, 3),
    # Of 3.3.2.
    decisions={
        "airflow.models.dagrun:DagRun.update_state": "c1d456e054b4433c",
        "airflow.models.dagrun:DagRun.task_instance_scheduling_decisions": "b18ac2792de2658d",
        "airflow.models.dagrun:DagRun._get_ready_tis": "f3d821fe1c889c92",
        "airflow.models.dagrun:DagRun._are_premature_tis": "bb75d711c02974fb",
        "airflow.models.dagrun:DagRun._tis_for_dagrun_state": "4744ddf87c232d71",
        "airflow.models.dagrun:DagRun._emit_true_scheduling_delay_stats_for_finished_state": "9dc51d3c90cc0d79",
        "airflow.models.dagrun:DagRun._revise_map_indexes_if_mapped": "2dd47d832c6ea2ac",
        "airflow.models.dagrun:DagRun.get_task_instances": "28a2fe9fb17c43a0",
        "airflow.models.dagrun:DagRun.fetch_task_instances": "450dd62f3ecc2596",
        "airflow.models.dagrun:DagRun.get_running_dag_runs_to_examine": "6ab9601832138b9a",
        "airflow.models.dagrun:DagRun.verify_integrity": "37c9316835e03013",
        "airflow.models.taskinstance:TaskInstance.are_dependencies_met": "e5d327863aba76c8",
        "airflow.models.taskinstance:TaskInstance.get_failed_dep_statuses": "03b684458d2ee2b5",
        "airflow.models.taskinstance:TaskInstance.get_dagrun": "15432550aee72cea",
        "airflow.models.taskinstance:TaskInstance.set_state": "a14dd128aa9c7aac",
        "airflow.models.taskmap:TaskMap.expand_mapped_task": "b22cfde30e2de6c3",
        "airflow.jobs.scheduler_job_runner:SchedulerJobRunner._do_scheduling": "07e6c178d7920b9a",
        "airflow.jobs.scheduler_job_runner:SchedulerJobRunner._schedule_all_dag_runs": "db10ad069ba2fa80",
        "airflow.jobs.scheduler_job_runner:SchedulerJobRunner._schedule_dag_run": "d9969cb74b362520",
        "airflow.jobs.scheduler_job_runner:SchedulerJobRunner._verify_integrity_if_dag_changed": "fa8595c09662b8ff",
        "airflow.ti_deps.deps.base_ti_dep:BaseTIDep.get_dep_statuses": "02fcad4307aa1acc",
        "airflow.ti_deps.deps.trigger_rule_dep:": "02bbe39f08ded084",
        "airflow.ti_deps.deps.trigger_rule_dep:TriggerRuleDep._get_dep_statuses": "c080149b4c6b1eec",
        "airflow.ti_deps.deps.not_previously_skipped_dep:": "65a94e4030e93e00",
        "airflow.ti_deps.deps.not_previously_skipped_dep:NotPreviouslySkippedDep._get_dep_statuses": "ce3c6cde45aaf227",
        "airflow.ti_deps.deps.mapped_task_upstream_dep:": "05c97df7741ac4af",
        "airflow.ti_deps.deps.mapped_task_upstream_dep:MappedTaskUpstreamDep._get_dep_statuses": "64fcdf6e340cde72",
        "airflow.ti_deps.deps.prev_dagrun_dep:": "847deb377fc56b03",
        "airflow.ti_deps.deps.prev_dagrun_dep:PrevDagrunDep._get_dep_statuses": "82ea0b094fb3af82",
        "airflow.ti_deps.deps.not_in_retry_period_dep:": "6e8ebe87e1481782",
        "airflow.ti_deps.deps.not_in_retry_period_dep:NotInRetryPeriodDep._get_dep_statuses": "c1328fe2e02dfe56",
        "airflow.ti_deps.deps.ready_to_reschedule:": "0da2efe10482c4fc",
        "airflow.ti_deps.deps.ready_to_reschedule:ReadyToRescheduleDep._get_dep_statuses": "21f64914f752ad9d",
        "airflow.ti_deps.dep_context:": "69b28f51904ffe7c",
        "airflow.ti_deps.dependencies_states:": "ab785ecdd0b49ecf",
        "airflow.utils.state:": "4dda40e5bbf905ab",
    },
    run_creation={
        "airflow.models.taskinstance:TaskInstance.insert_mapping": "aac4fee62fde746e",
        "airflow.task.priority_strategy:_DownstreamPriorityWeightStrategy.get_weight": "c31c6d2ce622918a",
        "airflow.task.priority_strategy:_UpstreamPriorityWeightStrategy.get_weight": "f8364c0712f233d3",
    },
    loop={
        "airflow.models.taskinstance:TaskInstance.get_dagrun": "15432550aee72cea",
        "airflow.models.dagrun:DagRun.schedule_tis": "c3e99a461bcce15f",
    },
)

AIRFLOW_2_11: Final = Release(
    prefix="2.11.",
    folder="sched_cache_airflow.hosts.airflow2",
    document_versions=(1,),
    # Of 2.11.2.
    decisions={
        "airflow.models.dagrun:DagRun.update_state": "6b1ab8b25697b984",
        "airflow.models.dagrun:DagRun.task_instance_scheduling_decisions": "28f0f84be851ba52",
        "airflow.models.dagrun:DagRun._get_ready_tis": "d5b91426d6e65660",
        "airflow.models.dagrun:DagRun._are_premature_tis": "bb75d711c02974fb",
        "airflow.models.dagrun:DagRun._tis_for_dagrun_state": "4744ddf87c232d71",
        "airflow.models.dagrun:DagRun._emit_true_scheduling_delay_stats_for_finished_state": "f4c2f9e60c272f12",
        "airflow.models.dagrun:DagRun._revise_map_indexes_if_mapped": "730420487b1deb2c",
        "airflow.models.dagrun:DagRun.get_task_instances": "c39fb190355b64dd",
        "airflow.models.dagrun:DagRun.fetch_task_instances": "bfe5228522632c20",
        "airflow.models.dagrun:DagRun.next_dagruns_to_examine": "edfbfe1bc5836b16",
        "airflow.models.dagrun:DagRun.verify_integrity": "37b813905e8fd9b5",
        "airflow.models.taskinstance:TaskInstance.are_dependencies_met": "c6c629bb4e79c629",
        "airflow.models.taskinstance:TaskInstance.get_failed_dep_statuses": "b5bfc1dc1b22fbc9",
        "airflow.models.taskinstance:TaskInstance.get_dagrun": "6f27d81530add309",
        "airflow.models.taskinstance:TaskInstance.set_state": "357b8c482f5d3fd4",
        "airflow.models.taskinstance:TaskInstance._set_state": "2d928c724818459e",
        "airflow.models.taskinstance:TaskInstance.filter_for_tis": "1d9adcf3cc6b9b90",
        "airflow.models.taskinstance:TaskInstance.clear_db_references": "dc9b166a612f40e3",
        "airflow.models.abstractoperator:AbstractOperator.expand_mapped_task": "5c6f881161d95053",
        "airflow.jobs.scheduler_job_runner:SchedulerJobRunner._do_scheduling": "93cd51e1ac02e545",
        "airflow.jobs.scheduler_job_runner:SchedulerJobRunner._get_next_dagruns_to_examine": "2c1d5e175dfad3a4",
        "airflow.jobs.scheduler_job_runner:SchedulerJobRunner._schedule_all_dag_runs": "98d8bd621a22838a",
        "airflow.jobs.scheduler_job_runner:SchedulerJobRunner._schedule_dag_run": "0a2e649e36efeeb7",
        "airflow.jobs.scheduler_job_runner:SchedulerJobRunner._verify_integrity_if_dag_changed": "352f097c2d6bd667",
        "airflow.ti_deps.deps.base_ti_dep:BaseTIDep.get_dep_statuses": "dcc9d78c40df63d5",
        "airflow.ti_deps.deps.trigger_rule_dep:": "9165f35215524366",
        "airflow.ti_deps.deps.trigger_rule_dep:TriggerRuleDep._get_dep_statuses": "98cde3bb9b9c11a6",
        "airflow.ti_deps.deps.not_previously_skipped_dep:": "07cfc7a7ffa91904",
        "airflow.ti_deps.deps.not_previously_skipped_dep:NotPreviouslySkippedDep._get_dep_statuses": "e10df5da08e3dfd4",
        "airflow.ti_deps.deps.mapped_task_upstream_dep:": "432e5ea57ed5d376",
        "airflow.ti_deps.deps.mapped_task_upstream_dep:MappedTaskUpstreamDep._get_dep_statuses": "dbaa7fb107cadeb0",
        "airflow.ti_deps.deps.mapped_task_expanded:": "af04225bc761f13b",
        "airflow.ti_deps.deps.mapped_task_expanded:MappedTaskIsExpanded._get_dep_statuses": "ee181a977d2ee4f1",
        "airflow.ti_deps.deps.prev_dagrun_dep:": "536cc759cc5ce422",
        "airflow.ti_deps.deps.prev_dagrun_dep:PrevDagrunDep._get_dep_statuses": "9e8643e376bc74cc",
        "airflow.ti_deps.deps.not_in_retry_period_dep:": "6a72fab7962707cc",
        "airflow.ti_deps.deps.not_in_retry_period_dep:NotInRetryPeriodDep._get_dep_statuses": "2bdd80b7ace51ea4",
        "airflow.ti_deps.deps.ready_to_reschedule:": "37918ec5e0be16d4",
        "airflow.ti_deps.deps.ready_to_reschedule:ReadyToRescheduleDep._get_dep_statuses": "bd906c40ef9c8fd4",
        "airflow.ti_deps.dep_context:": "faa5cf95913b22f3",
        "airflow.ti_deps.dependencies_states:": "de854b2250733857",
        "airflow.utils.state:": "33d9e465d781ab76",
    },
    run_creation={
        "airflow.models.taskinstance:TaskInstance.insert_mapping": "876b45a9b2effb47",
        "airflow.task.priority_strategy:_DownstreamPriorityWeightStrategy.get_weight": "c31c6d2ce622918a",
        "airflow.task.priority_strategy:_UpstreamPriorityWeightStrategy.get_weight": "bfeb1d1fa7e528b1",
    },
    loop={
        "airflow.models.taskinstance:TaskInstance.get_dagrun": "6f27d81530add309",
    },
)

RELEASES: Final = (AIRFLOW_3_3, AIRFLOW_2_11)


def host_version() -> str | None:
    """The release of Airflow that is installed; None if there is none."""
    for distribution in _DISTRIBUTIONS:
        try:
            return metadata.version(distribution)
        except metadata.PackageNotFoundError:
            continue
    return None


def release_of(version: str) -> Release | None:
    """The row for a version of Airflow; None if the plugin leaves it alone."""
    return next((release for release in RELEASES if version.startswith(release.prefix)), None)


def supported() -> str:
    """The supported releases in words."""
    return ", ".join(f"{release.prefix}x" for release in RELEASES)

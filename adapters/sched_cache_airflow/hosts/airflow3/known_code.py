"""The code of Airflow 3.3.2 that the fast path and the creation of runs rest on: see `host_code.py` above.

`python -m sched_cache_airflow.hosts.airflow3.known_code` prints the digests of the installed host.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sched_cache_airflow.patching.known_code import digests

PINNED: Final[Mapping[str, str]] = {
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
}
"""`module:` for a whole module, `module:Class.function` for a function -> digest of its source."""

CREATION: Final[Mapping[str, str]] = {
    "airflow.models.taskinstance:TaskInstance.insert_mapping": "aac4fee62fde746e",
    "airflow.task.priority_strategy:_DownstreamPriorityWeightStrategy.get_weight": "c31c6d2ce622918a",
    "airflow.task.priority_strategy:_UpstreamPriorityWeightStrategy.get_weight": "f8364c0712f233d3",
}
"""The same for what the creation of runs is spared: each is replaced only if its code is this."""

LOOP: Final[Mapping[str, str]] = {
    "airflow.models.taskinstance:TaskInstance.get_dagrun": "15432550aee72cea",
    "airflow.models.dagrun:DagRun.schedule_tis": "c3e99a461bcce15f",
}
"""The same for what a loop is spared beside decisions."""

if __name__ == "__main__":
    for path, digest in digests({**PINNED, **CREATION, **LOOP}).items():
        print(f'    "{path}": "{digest}",')

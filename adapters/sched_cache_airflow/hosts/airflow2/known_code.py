"""The code of Airflow 2.11.2 that the fast path and the creation of runs rest on: see `host_code.py` above.

`python -m sched_cache_airflow.hosts.airflow2.known_code` prints the digests of the installed host.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sched_cache_airflow.patching.known_code import digests

PINNED: Final[Mapping[str, str]] = {
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
}
"""`module:` for a whole module, `module:Class.function` for a function -> digest of its source."""

CREATION: Final[Mapping[str, str]] = {
    "airflow.models.taskinstance:TaskInstance.insert_mapping": "876b45a9b2effb47",
    "airflow.task.priority_strategy:_DownstreamPriorityWeightStrategy.get_weight": "c31c6d2ce622918a",
    "airflow.task.priority_strategy:_UpstreamPriorityWeightStrategy.get_weight": "bfeb1d1fa7e528b1",
}
"""The same for what the creation of runs is spared: each is replaced only if its code is this."""

LOOP: Final[Mapping[str, str]] = {
    "airflow.models.taskinstance:TaskInstance.get_dagrun": "6f27d81530add309",
}
"""The same for what a loop is spared beside decisions."""

if __name__ == "__main__":
    for path, digest in digests({**PINNED, **CREATION, **LOOP}).items():
        print(f'    "{path}": "{digest}",')

"""The lines of the pinned functions of Airflow 2 that no loop of a scheduler reaches, each with its reason.

A line is named by its function and its text. A release that does not have it ignores it.
"""

# ruff: noqa: E501  # lines of the host are as long as they are

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

UNREACHABLE: Final[Mapping[str, Mapping[str, str]]] = {
    "airflow.models.dagrun:DagRun.fetch_task_instances": {
        "tis = tis.where(TI.state == state)": "a loop asks for the task instances in all states; the API and the command line ask otherwise",
        "tis = tis.where(TI.state.is_(None))": "a loop asks for the task instances in all states; the API and the command line ask otherwise",
        "tis = tis.where(TI.task_id.in_(task_ids))": "a loop has whole DAGs; a worker that schedules below its task has parts of them",
    },
    "airflow.models.dagrun:DagRun.update_state": {
        'dag.handle_callback(self, success=False, reason="task_failure", session=session)': "a loop leaves callbacks to the DAG processor",
        'dag.handle_callback(self, success=True, reason="success", session=session)': "a loop leaves callbacks to the DAG processor",
        'dag.handle_callback(self, success=False, reason="all_tasks_deadlocked", session=session)': "a loop leaves callbacks to the DAG processor",
    },
    "airflow.models.dagrun:DagRun._get_ready_tis": {
        "if ti.map_index >= 0:  # Already expanded, we're good. | return None": "the caller has examined the map index",
    },
    "airflow.models.dagrun:DagRun._emit_true_scheduling_delay_stats_for_finished_state": {
        "except Exception:": "only if the calculation of a delay raises",
        'self.log.warning("Failed to record first_task_scheduling_delay metric:", exc_info=True)': "only if the calculation of a delay raises",
    },
    "airflow.models.taskinstance:TaskInstance._set_state": {
        "ti = session.scalars(": "only with the internal API, which a scheduler does not use",
        "select(TaskInstance).where(": "only with the internal API, which a scheduler does not use",
        "TaskInstance.task_id == ti.task_id,": "only with the internal API, which a scheduler does not use",
        "TaskInstance.dag_id == ti.dag_id,": "only with the internal API, which a scheduler does not use",
        "TaskInstance.run_id == ti.run_id,": "only with the internal API, which a scheduler does not use",
        "TaskInstance.map_index == ti.map_index,": "only with the internal API, which a scheduler does not use",
        ").one()": "only with the internal API, which a scheduler does not use",
    },
    "airflow.jobs.scheduler_job_runner:SchedulerJobRunner._do_scheduling": {
        "raise": "only if the database fails in another way than by a lock",
    },
    "airflow.jobs.scheduler_job_runner:SchedulerJobRunner._schedule_dag_run": {
        'self.log.warning("The DAG disappeared before verifying integrity: %s. Skipping.", dag_run.dag_id)': "only if the DAG is deleted between two statements of a loop",
        'self.log.warning("The DAG disappeared before verifying integrity: %s. Skipping.", dag_run.dag_id) | return callback': "only if the DAG is deleted between two statements of a loop",
        "self.log.warning(": "only if the DAG is deleted between two statements of a loop",
        '"The DAG disappeared before verifying integrity: %s. Skipping.", dag_run.dag_id': "only if the DAG is deleted between two statements of a loop",
        '"The DAG disappeared before verifying integrity: %s. Skipping.", dag_run.dag_id | return callback': "only if the DAG is deleted between two statements of a loop",
    },
    "airflow.jobs.scheduler_job_runner:SchedulerJobRunner._verify_integrity_if_dag_changed": {
        "return False": "only if the DAG is deleted between two statements of a loop",
    },
    "airflow.ti_deps.deps.trigger_rule_dep:TriggerRuleDep._evaluate_trigger_rule": {
        "yield and_(TaskInstance.task_id == upstream_id, TaskInstance.map_index.in_(map_indexes))": "relevant map indices are one, a range or all",
    },
    "airflow.ti_deps.deps.not_previously_skipped_dep:NotPreviouslySkippedDep._get_dep_statuses": {
        "prev_result = next(iter(prev_result))": "the host has asked for the value of one map index",
    },
    "airflow.ti_deps.deps.mapped_task_upstream_dep:MappedTaskUpstreamDep._get_dep_statuses": {
        "else []": "a generator is true, whether or not it is empty",
    },
    "airflow.ti_deps.deps.prev_dagrun_dep:PrevDagrunDep._push_past_deps_met_xcom_if_needed": {
        "ti.xcom_push(key=PAST_DEPENDS_MET, value=True)": "a context that waits for the past, which only a worker has; it writes in a transaction of its own",
    },
    "airflow.ti_deps.deps.prev_dagrun_dep:PrevDagrunDep._get_dep_statuses": {
        "if not dr: | self._push_past_deps_met_xcom_if_needed(ti, dep_context)": "every task instance has a run",
        'yield self._passing_status(reason="This task instance does not belong to a DAG.")': "every task instance has a run",
        'yield self._passing_status(reason="This task instance does not belong to a DAG.") | return': "every task instance has a run",
    },
    "airflow.models.abstractoperator:AbstractOperator.expand_mapped_task": {
        'raise RuntimeError(f"cannot expand unrecognized operator type {type(self).__name__}")': "a stored DAG has only the two kinds of tasks",
    },
}

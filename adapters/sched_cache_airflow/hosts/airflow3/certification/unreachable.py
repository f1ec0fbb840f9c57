"""The lines of the pinned functions of Airflow 3 that no loop of a scheduler reaches, each with its reason.

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
        "tis = tis.where(TI.task_id.in_(task_ids))": "a loop asks for the task instances in all states; the API and the command line ask otherwise",
    },
    "airflow.models.dagrun:DagRun.update_state": {
        "except Exception:": "only if the tracing of a run raises",
        'self.log.warning("Failed to emit dag run span", exc_info=True)': "only if the tracing of a run raises",
    },
    "airflow.models.dagrun:DagRun._get_ready_tis": {
        "if ti.map_index >= 0:  # Already expanded, we're good. | return None": "the caller has examined the map index",
    },
    "airflow.models.dagrun:DagRun._emit_true_scheduling_delay_stats_for_finished_state": {
        "except Exception:": "only if the calculation of a delay raises",
        'self.log.warning("Failed to record first_task_scheduling_delay metric:", exc_info=True)': "only if the calculation of a delay raises",
    },
    "airflow.models.taskinstance:TaskInstance.set_state": {
        "self.refresh_from_db(session=session)": "the task instances of a loop are in its session",
        "self.refresh_from_db(session)": "the task instances of a loop are in its session",
    },
    "airflow.jobs.scheduler_job_runner:SchedulerJobRunner._do_scheduling": {
        "raise": "only if the database fails in another way than by a lock",
    },
    "airflow.jobs.scheduler_job_runner:SchedulerJobRunner._schedule_all_dag_runs": {
        "raise  # let @retry_db_transaction handle DB errors": "only if the database fails",
    },
    "airflow.jobs.scheduler_job_runner:SchedulerJobRunner._schedule_dag_run": {
        'self.log.error("Couldn\'t find DAG model %s in database!", dag_run.dag_id)': "the query of runs joins the row of the DAG",
        'self.log.error("Couldn\'t find DAG model %s in database!", dag_run.dag_id) | return callback': "the query of runs joins the row of the DAG",
        'self.log.error("DagRun %s was deleted unexpectedly", dag_run.id)': "the loop holds a lock on the row of the run",
        "return None": "the loop holds a lock on the row of the run",
        "dag_run.dag_id": "only with several teams in one installation",
        'self.log.warning("The DAG disappeared before verifying integrity: %s. Skipping.", dag_run.dag_id)': "only if the DAG is deleted between two statements of a loop",
        'self.log.warning("The DAG disappeared before verifying integrity: %s. Skipping.", dag_run.dag_id) | return callback': "only if the DAG is deleted between two statements of a loop",
    },
    "airflow.jobs.scheduler_job_runner:SchedulerJobRunner._verify_integrity_if_dag_changed": {
        "if latest_dag_version is None: | return False": "only if the DAG is deleted between two statements of a loop",
        "if not dag_run.dag: | return False": "only if the DAG is deleted between two statements of a loop",
    },
    "airflow.ti_deps.deps.trigger_rule_dep:TriggerRuleDep._evaluate_trigger_rule": {
        "yield and_(TaskInstance.task_id == upstream_id, TaskInstance.map_index.in_(map_indexes))": "relevant map indices are one, a range or all",
        "if not relevant_setups: | return": "the caller has examined the setups",
        "if not task.dag: | return": "every task of a loop has a DAG",
    },
    "airflow.ti_deps.deps.mapped_task_upstream_dep:MappedTaskUpstreamDep._get_dep_statuses": {
        "if ti.task is None: | return": "every task instance of a loop has a task",
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
    "airflow.models.taskmap:TaskMap.expand_mapped_task": {
        "raise RuntimeError(": "a stored DAG has only the two kinds of tasks",
        'f"cannot expand unrecognized operator type {type(task).__module__}.{type(task).__name__}"': "a stored DAG has only the two kinds of tasks",
        "elif dag_version := DagVersion.get_latest_version(task.dag_id, session=session):": "a loop expands a task instance that it has found unexpanded and unfinished",
        "dag_version_id = dag_version.id": "a loop expands a task instance that it has found unexpanded and unfinished",
        "dag_version_id = None": "a loop expands a task instance that it has found unexpanded and unfinished",
        "from airflow.models import DagRun": "a loop expands a task instance that it has found unexpanded and unfinished",
        "dr = session.scalar(": "a loop expands a task instance that it has found unexpanded and unfinished",
        "select(DagRun).where(": "a loop expands a task instance that it has found unexpanded and unfinished",
        "DagRun.dag_id == task.dag_id,": "a loop expands a task instance that it has found unexpanded and unfinished",
        "DagRun.run_id == run_id,": "a loop expands a task instance that it has found unexpanded and unfinished",
    },
}

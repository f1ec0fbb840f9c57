"""Puts our parts into the host's place, and takes them out again.

What is replaced is listed in `REPLACEMENTS`, and nowhere else.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType

from sched_cache_airflow.hosts.airflow3.replacements import replacements
from sched_cache_airflow.patching.code_table import known_part
from sched_cache_airflow.patching.installation import Installation
from sched_cache_airflow.patching.replacement import part_of
from sched_cache_airflow.releases import AIRFLOW_3


def _in_dagbag(module: ModuleType) -> None:
    part_of(module, "DBDagBag")  # ours cannot be imported without it
    _bag_name(module)


def _bag_name(module: ModuleType) -> None:
    """The bag, and in a module that has imported it before."""
    from sched_cache_airflow.hosts.airflow3.compat import BAG
    from sched_cache_airflow.hosts.airflow3.dags.dag_bag import CompactDagBag

    if vars(module).get(BAG) is not CompactDagBag:
        replacements.replace_own(module, BAG, lambda _: CompactDagBag)


def _in_serialized_dag(module: ModuleType) -> None:
    from sched_cache_airflow.hosts.airflow3.dags import serialized_dag_model as stored_dag
    from sched_cache_airflow.hosts.airflow3.write_events import write_events

    model = part_of(module, "SerializedDagModel")
    write_events.start(model)  # ended with the rest if something is missing
    replacements.replace_own(model, "dag", stored_dag.dag)
    replacements.replace(model, "latest_item_select_object", stored_dag.latest_statement)
    replacements.replace_own(model, "get_latest_serialized_dags", stored_dag.latest_rows)


def _in_priority_strategy(module: ModuleType) -> None:
    from sched_cache_airflow.hosts.airflow3.run_creation import weights

    downstream = part_of(module, "_DownstreamPriorityWeightStrategy")
    upstream = part_of(module, "_UpstreamPriorityWeightStrategy")
    replacements.replace_known(downstream, "get_weight", weights.downstream, known_part(AIRFLOW_3, "weights"))
    replacements.replace_known(upstream, "get_weight", weights.upstream, known_part(AIRFLOW_3, "weights"))


def _in_task_instance(module: ModuleType) -> None:
    from sched_cache_airflow.fast_path import get_dagrun
    from sched_cache_airflow.hosts.airflow3 import run_creation as creation

    task_instance = part_of(module, "TaskInstance")
    replacements.replace_known(
        task_instance, "insert_mapping", creation.insert_mapping, known_part(AIRFLOW_3, "insert_mapping")
    )
    replacements.replace_known(
        task_instance, "get_dagrun", get_dagrun.get_dagrun, known_part(AIRFLOW_3, "get_dagrun")
    )


def _in_dagrun(module: ModuleType) -> None:
    from sched_cache_airflow.fast_path import decisions
    from sched_cache_airflow.hosts.airflow3 import scheduler
    from sched_cache_airflow.hosts.airflow3.decisions import scheduled_rows

    run = part_of(module, "DagRun")
    replacements.replace(run, "get_running_dag_runs_to_examine", scheduler.runs_to_examine)
    replacements.replace(run, "get_queued_dag_runs_to_set_running", scheduler.runs_to_examine)
    # Around each other, the last one outermost: a run is reconciled before it is decided, and the versions of a loop
    # are read before its runs are noted.
    replacements.replace(run, "get_running_dag_runs_to_examine", scheduler.runs_to_decide)
    replacements.replace(
        run, "task_instance_scheduling_decisions", decisions.task_instance_scheduling_decisions
    )
    replacements.replace(run, "verify_integrity", scheduler.verify_integrity)
    replacements.replace(
        run, "task_instance_scheduling_decisions", scheduler.task_instance_scheduling_decisions
    )
    replacements.replace(run, "verify_integrity", decisions.verify_integrity)
    replacements.replace(run, "_are_premature_tis", decisions.are_premature_tis)
    replacements.replace(run, "_tis_for_dagrun_state", decisions.tis_for_dagrun_state)
    replacements.replace_known(
        run, "schedule_tis", scheduled_rows.schedule_tis, known_part(AIRFLOW_3, "schedule_tis")
    )


def _in_scheduler_job(module: ModuleType) -> None:
    from sched_cache_airflow.hosts.airflow3 import scheduler
    from sched_cache_airflow.hosts.airflow3.decisions import scheduled_rows

    _bag_name(module)
    runner = part_of(module, "SchedulerJobRunner")
    replacements.replace(runner, "_do_scheduling", scheduler.do_scheduling)
    replacements.replace_own(runner, "_create_dag_runs", scheduler.create_dag_runs)
    replacements.replace(runner, "_schedule_all_dag_runs", scheduled_rows.schedule_all_dag_runs)
    replacements.replace_own(runner, "_get_current_dag", scheduler.get_current_dag)
    replacements.replace(runner, "_set_exceeds_max_active_runs", scheduler.set_exceeds_max_active_runs)
    replacements.replace_own(
        runner, "_verify_integrity_if_dag_changed", scheduler.verify_integrity_if_dag_changed
    )


def _in_job(module: ModuleType) -> None:
    from sched_cache_airflow.hosts.airflow3.jobs import jobs

    job = part_of(module, "Job")
    replacements.replace(job, "prepare_for_execution", jobs.prepare_for_execution)
    replacements.replace(job, "complete_execution", jobs.complete_execution)


REPLACEMENTS: dict[str, Callable[[ModuleType], None]] = {
    "airflow.models.serialized_dag": _in_serialized_dag,
    "airflow.models.dagbag": _in_dagbag,
    "airflow.task.priority_strategy": _in_priority_strategy,
    "airflow.models.taskinstance": _in_task_instance,
    "airflow.models.dagrun": _in_dagrun,
    "airflow.jobs.job": _in_job,
    "airflow.jobs.scheduler_job_runner": _in_scheduler_job,
    "airflow.api_fastapi.common.dagbag": _bag_name,
}
"""Module of the host to what is replaced in it."""


def _prepare() -> None:
    from sched_cache_airflow.hosts.airflow3.runtime import runtime

    runtime()


def _give_up() -> None:
    """Ends listeners, connections and threads, as far as there are any."""
    events = sys.modules.get(f"{__package__}.write_events")
    if events is not None:
        events.write_events.stop()
    state = sys.modules.get(f"{__package__}.runtime")
    if state is not None:
        state.discard_runtime()


_installation = Installation(
    replacements,
    REPLACEMENTS,
    bases=("airflow.models.dagbag", "airflow.models.dagrun", "airflow.models.serialized_dag"),
    prepare=_prepare,
    give_up=_give_up,
)
install = _installation.install
uninstall = _installation.uninstall
"""Gives the host back what it had, and ends our connections and threads."""

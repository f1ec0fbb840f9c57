"""Puts our parts into the host's place, and takes them out again.

What is replaced is listed in `REPLACEMENTS`, and nowhere else.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from sched_cache_airflow.replacement import Replacements

logger = logging.getLogger("sched_cache.airflow")


replacements = Replacements()
_done: list[str] = []


def _replace_known(owner: Any, name: str, make: Callable[[Any], Any]) -> None:
    """Replaces what gives the same result as the code of a known release; any other code is left alone."""
    from sched_cache_airflow.airflow3.host_code import is_of_known_release

    if is_of_known_release(owner, name):
        replacements.replace(owner, name, make)
    else:
        logger.info("%s.%s is not the code of a known release, and stays as it is", owner.__name__, name)


def _in_dagbag(module: ModuleType) -> None:
    from sched_cache_airflow.airflow3.dag_bag import CompactDagBag

    replacements.replace(module, "CachedDBDagBag", lambda _: CompactDagBag)


def _bag_name(module: ModuleType) -> None:
    """A module that has imported the bag's name before."""
    from sched_cache_airflow.airflow3.dag_bag import CompactDagBag

    if vars(module).get("CachedDBDagBag") is not CompactDagBag:
        replacements.replace(module, "CachedDBDagBag", lambda _: CompactDagBag)


def _in_serialized_dag(module: ModuleType) -> None:
    from sched_cache_airflow.airflow3 import stored_dag
    from sched_cache_airflow.airflow3.write_events import write_events

    model = vars(module)["SerializedDagModel"]
    write_events.start(model)
    replacements.replace(model, "dag", stored_dag.dag)
    replacements.replace(model, "latest_item_select_object", stored_dag.without_document)
    replacements.replace(model, "_latest_by_version_select", stored_dag.without_document)
    replacements.replace(model, "get_latest_serialized_dags", stored_dag.latest_rows)


def _in_priority_strategy(module: ModuleType) -> None:
    from sched_cache_airflow.airflow3 import priority_weight

    strategies = vars(module)
    _replace_known(strategies["_DownstreamPriorityWeightStrategy"], "get_weight", priority_weight.downstream)
    _replace_known(strategies["_UpstreamPriorityWeightStrategy"], "get_weight", priority_weight.upstream)


def _in_task_instance(module: ModuleType) -> None:
    from sched_cache_airflow.airflow3 import new_task_instances

    _replace_known(vars(module)["TaskInstance"], "insert_mapping", new_task_instances.insert_mapping)


def _in_dagrun(module: ModuleType) -> None:
    from sched_cache_airflow.airflow3 import decisions, scheduler

    run = vars(module)["DagRun"]
    replacements.replace(run, "get_running_dag_runs_to_examine", scheduler.runs_to_examine)
    replacements.replace(run, "get_queued_dag_runs_to_set_running", scheduler.runs_to_examine)
    # Around each other, the last one outermost: a run is reconciled before it is decided, and the versions of a loop
    # are read before its runs are noted.
    replacements.replace(run, "get_running_dag_runs_to_examine", decisions.runs_to_examine)
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


def _in_scheduler_job(module: ModuleType) -> None:
    from sched_cache_airflow.airflow3 import scheduler

    _bag_name(module)
    runner = vars(module)["SchedulerJobRunner"]
    replacements.replace(runner, "_do_scheduling", scheduler.do_scheduling)
    replacements.replace(runner, "_create_dag_runs", scheduler.create_dag_runs)
    replacements.replace(runner, "_get_current_dag", scheduler.get_current_dag)
    replacements.replace(runner, "_set_exceeds_max_active_runs", scheduler.set_exceeds_max_active_runs)
    replacements.replace(
        runner, "_verify_integrity_if_dag_changed", scheduler.verify_integrity_if_dag_changed
    )


def _in_job(module: ModuleType) -> None:
    from sched_cache_airflow.airflow3 import jobs

    job = vars(module)["Job"]
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


def install(just_imported: str = "") -> list[str]:
    """Replaces what there is to replace in the modules that the host has imported by now; which ones.

    May be called again when more are there. Imports the modules that our parts derive from. `just_imported` names
    the module whose code has just run, which counts as being imported until the import statement ends.
    """
    import airflow.models.dagbag
    import airflow.models.dagrun
    import airflow.models.serialized_dag  # noqa: F401

    for name, replace in REPLACEMENTS.items():
        module = sys.modules.get(name)
        if module is None or name in _done or (name != just_imported and _is_being_imported(module)):
            continue
        _done.append(name)
        replace(module)
    return list(_done)


def _is_being_imported(module: ModuleType) -> bool:
    return bool(getattr(module.__spec__, "_initializing", False))


def uninstall() -> None:
    """Gives the host back what it had, and ends our connections and threads."""
    from sched_cache_airflow.airflow3.runtime import discard_runtime
    from sched_cache_airflow.airflow3.write_events import write_events

    write_events.stop()
    replacements.undo()
    _done.clear()
    discard_runtime()

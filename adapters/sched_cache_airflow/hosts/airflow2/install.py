"""Puts our parts into the host's place, and takes them out again.

What is replaced is listed in `REPLACEMENTS`, and nowhere else.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType

from sched_cache_airflow.hosts.airflow2.replacements import replacements
from sched_cache_airflow.patching.code_table import known_part
from sched_cache_airflow.patching.installation import Installation
from sched_cache_airflow.patching.replacement import part_of
from sched_cache_airflow.releases import AIRFLOW_2


def _in_dagbag(module: ModuleType) -> None:
    part_of(module, "DagBag")  # ours cannot be imported without it
    from sched_cache_airflow.hosts.airflow2.dags.dag_bag import CertifiedDagBag

    replacements.replace_own(module, "DagBag", lambda _: CertifiedDagBag)


def _bag_name(module: ModuleType) -> None:
    """A module that may have imported the bag's name before."""
    from sched_cache_airflow.hosts.airflow2.dags.dag_bag import CertifiedDagBag

    if vars(module).get("DagBag", CertifiedDagBag) is not CertifiedDagBag:
        replacements.replace_own(module, "DagBag", lambda _: CertifiedDagBag)


def _in_serialized_dag(module: ModuleType) -> None:
    from sched_cache_airflow.hosts.airflow2.dags import serialized_dag_model as stored_dag
    from sched_cache_airflow.hosts.airflow2.write_events import write_events

    model = part_of(module, "SerializedDagModel")
    write_events.start(model)  # ended with the rest if something is missing
    replacements.replace_own(model, "dag", stored_dag.dag)


def _in_priority_strategy(module: ModuleType) -> None:
    from sched_cache_airflow.hosts.airflow2.run_creation import weights

    downstream = part_of(module, "_DownstreamPriorityWeightStrategy")
    upstream = part_of(module, "_UpstreamPriorityWeightStrategy")
    replacements.replace_known(downstream, "get_weight", weights.downstream, known_part(AIRFLOW_2, "weights"))
    replacements.replace_known(upstream, "get_weight", weights.upstream, known_part(AIRFLOW_2, "weights"))


def _in_task_instance(module: ModuleType) -> None:
    from sched_cache_airflow.fast_path import get_dagrun
    from sched_cache_airflow.hosts.airflow2 import run_creation as creation

    _bag_name(module)
    task_instance = part_of(module, "TaskInstance")
    replacements.replace_known(
        task_instance, "insert_mapping", creation.insert_mapping, known_part(AIRFLOW_2, "insert_mapping")
    )
    replacements.replace_known(
        task_instance, "get_dagrun", get_dagrun.get_dagrun, known_part(AIRFLOW_2, "get_dagrun")
    )


def _in_dagrun(module: ModuleType) -> None:
    from sched_cache_airflow.fast_path import decisions

    run = part_of(module, "DagRun")
    replacements.replace(
        run, "task_instance_scheduling_decisions", decisions.task_instance_scheduling_decisions
    )
    replacements.replace(run, "verify_integrity", decisions.verify_integrity)
    replacements.replace(run, "_are_premature_tis", decisions.are_premature_tis)
    replacements.replace(run, "_tis_for_dagrun_state", decisions.tis_for_dagrun_state)


def _in_scheduler_job(module: ModuleType) -> None:
    from sched_cache_airflow.hosts.airflow2 import scheduler

    _bag_name(module)
    runner = part_of(module, "SchedulerJobRunner")
    replacements.replace(runner, "_do_scheduling", scheduler.do_scheduling)
    replacements.replace(runner, "_get_next_dagruns_to_examine", scheduler.runs_to_examine)
    replacements.replace(runner, "_should_update_dag_next_dagruns", scheduler.should_update_dag_next_dagruns)
    replacements.replace_own(
        runner, "_verify_integrity_if_dag_changed", scheduler.verify_integrity_if_dag_changed
    )


def _in_job(module: ModuleType) -> None:
    from sched_cache_airflow.hosts.airflow2.jobs import jobs

    job = part_of(module, "Job")
    replacements.replace(job, "prepare_for_execution", jobs.prepare_for_execution)
    replacements.replace(job, "complete_execution", jobs.complete_execution)


def _in_webserver(module: ModuleType) -> None:
    from sched_cache_airflow.hosts.airflow2 import webserver

    _bag_name(module)
    replacements.replace(module, "init_dagbag", webserver.init_dagbag)


def _in_gunicorn_config(module: ModuleType) -> None:
    from sched_cache_airflow.hosts.airflow2 import webserver

    replacements.replace(module, "post_worker_init", webserver.post_worker_init)


REPLACEMENTS: dict[str, Callable[[ModuleType], None]] = {
    "airflow.models.serialized_dag": _in_serialized_dag,
    "airflow.models.dagbag": _in_dagbag,
    "airflow.models": _bag_name,
    "airflow.task.priority_strategy": _in_priority_strategy,
    "airflow.models.taskinstance": _in_task_instance,
    "airflow.models.dagrun": _in_dagrun,
    "airflow.jobs.job": _in_job,
    "airflow.jobs.scheduler_job_runner": _in_scheduler_job,
    "airflow.api.common.trigger_dag": _bag_name,
    "airflow.www.extensions.init_dagbag": _in_webserver,
    "airflow.www.gunicorn_config": _in_gunicorn_config,
}
"""Module of the host to what is replaced in it."""


def _prepare() -> None:
    from sched_cache_airflow.hosts.airflow2.runtime import runtime

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

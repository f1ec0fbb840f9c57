"""Puts our parts into the host's place, and takes them out again.

What is replaced is listed in `REPLACEMENTS`, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

from sched_cache_airflow.installation import Installation
from sched_cache_airflow.replacement import Replacements

replacements = Replacements()


def _bag_name(module: ModuleType) -> None:
    """The module of the bag, or one that has imported its name before."""
    from sched_cache_airflow.airflow2.dag_bag import CertifiedDagBag

    if vars(module).get("DagBag", CertifiedDagBag) is not CertifiedDagBag:
        replacements.replace(module, "DagBag", lambda _: CertifiedDagBag)


def _in_serialized_dag(module: ModuleType) -> None:
    from sched_cache_airflow.airflow2 import stored_dag
    from sched_cache_airflow.airflow2.write_events import write_events

    model = vars(module)["SerializedDagModel"]
    write_events.start(model)
    replacements.replace(model, "dag", stored_dag.dag)


def _in_priority_strategy(module: ModuleType) -> None:
    from sched_cache_airflow.airflow2.creation import weights
    from sched_cache_airflow.airflow2.host_code import CREATION

    strategies, replace_known = vars(module), replacements.replace_known
    downstream, upstream = "_DownstreamPriorityWeightStrategy", "_UpstreamPriorityWeightStrategy"
    replace_known(strategies[downstream], "get_weight", weights.downstream, CREATION)
    replace_known(strategies[upstream], "get_weight", weights.upstream, CREATION)


def _in_task_instance(module: ModuleType) -> None:
    from sched_cache_airflow import loaded_run
    from sched_cache_airflow.airflow2 import creation
    from sched_cache_airflow.airflow2.host_code import CREATION, LOOP

    _bag_name(module)
    task_instance = vars(module)["TaskInstance"]
    replacements.replace_known(task_instance, "insert_mapping", creation.insert_mapping, CREATION)
    replacements.replace_known(task_instance, "get_dagrun", loaded_run.get_dagrun, LOOP)


def _in_dagrun(module: ModuleType) -> None:
    from sched_cache_airflow.fast_path import decisions

    run = vars(module)["DagRun"]
    replacements.replace(
        run, "task_instance_scheduling_decisions", decisions.task_instance_scheduling_decisions
    )
    replacements.replace(run, "verify_integrity", decisions.verify_integrity)
    replacements.replace(run, "_are_premature_tis", decisions.are_premature_tis)
    replacements.replace(run, "_tis_for_dagrun_state", decisions.tis_for_dagrun_state)


def _in_scheduler_job(module: ModuleType) -> None:
    from sched_cache_airflow.airflow2 import scheduler

    _bag_name(module)
    runner = vars(module)["SchedulerJobRunner"]
    replacements.replace(runner, "_do_scheduling", scheduler.do_scheduling)
    replacements.replace(runner, "_get_next_dagruns_to_examine", scheduler.runs_to_examine)
    replacements.replace(runner, "_should_update_dag_next_dagruns", scheduler.should_update_dag_next_dagruns)
    replacements.replace(
        runner, "_verify_integrity_if_dag_changed", scheduler.verify_integrity_if_dag_changed
    )


def _in_job(module: ModuleType) -> None:
    from sched_cache_airflow.airflow2.jobs import jobs

    job = vars(module)["Job"]
    replacements.replace(job, "prepare_for_execution", jobs.prepare_for_execution)
    replacements.replace(job, "complete_execution", jobs.complete_execution)


def _in_webserver(module: ModuleType) -> None:
    from sched_cache_airflow.airflow2 import webserver

    _bag_name(module)
    replacements.replace(module, "init_dagbag", webserver.init_dagbag)


def _in_gunicorn_config(module: ModuleType) -> None:
    from sched_cache_airflow.airflow2 import webserver

    replacements.replace(module, "post_worker_init", webserver.post_worker_init)


REPLACEMENTS: dict[str, Callable[[ModuleType], None]] = {
    "airflow.models.serialized_dag": _in_serialized_dag,
    "airflow.models.dagbag": _bag_name,
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
    from sched_cache_airflow.airflow2.runtime import runtime

    runtime()


_installation = Installation(
    replacements,
    REPLACEMENTS,
    bases=("airflow.models.dagbag", "airflow.models.dagrun", "airflow.models.serialized_dag"),
    prepare=_prepare,
)
install = _installation.install


def uninstall() -> None:
    """Gives the host back what it had, and ends our connections and threads."""
    from sched_cache_airflow.airflow2.runtime import discard_runtime
    from sched_cache_airflow.airflow2.write_events import write_events

    write_events.stop()
    _installation.uninstall()
    discard_runtime()

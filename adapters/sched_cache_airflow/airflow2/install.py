"""Puts our parts into the host's place, and takes them out again.

What is replaced is listed in `install`, and nowhere else.
"""

from __future__ import annotations

from sched_cache_airflow.replacement import Replacements

_replacements = Replacements()


def install() -> None:
    """Replaces the bag's class where the host makes one of, and what the scheduler asks it. Once a process.

    Imports the scheduler.
    """
    import airflow.jobs.scheduler_job_runner as scheduler_job
    import airflow.models.dagbag as dagbag

    from sched_cache_airflow.airflow2 import scheduler
    from sched_cache_airflow.airflow2.dag_bag import CertifiedDagBag

    if _replacements:
        return
    for module in (dagbag, scheduler_job):
        _replacements.replace(module, "DagBag", lambda _: CertifiedDagBag)
    runner = scheduler_job.SchedulerJobRunner
    _replacements.replace(runner, "_do_scheduling", scheduler.do_scheduling)
    _replacements.replace(runner, "_get_next_dagruns_to_examine", scheduler.runs_to_examine)
    _replacements.replace(
        runner, "_verify_integrity_if_dag_changed", scheduler.verify_integrity_if_dag_changed
    )


def uninstall() -> None:
    """Gives the host back what it had."""
    from sched_cache_airflow.airflow2.runtime import discard_runtime

    _replacements.undo()
    discard_runtime()

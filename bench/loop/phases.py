"""The time of each phase of a loop, and the number of queries."""

from __future__ import annotations

import functools
import gc
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from .observing import only_observes

# Phase -> the functions of the host and of the plugin with the same work. Not every subject has all of them.
TARGETS: Mapping[str, tuple[str, ...]] = {
    "create_runs": ("airflow.jobs.scheduler_job_runner:SchedulerJobRunner._create_dagruns_for_dags",),
    "start_runs": ("airflow.jobs.scheduler_job_runner:SchedulerJobRunner._start_queued_dagruns",),
    "get_dag": (
        "airflow.jobs.scheduler_job_runner:SchedulerJobRunner._get_current_dag",
        "airflow.models.dagbag:DBDagBag.get_dag_for_run",
        "airflow.models.dagbag:DagBag.get_dag",  # Airflow 2
    ),
    "create_tis": ("airflow.models.dagrun:DagRun.verify_integrity",),
    "fetch_tis": (
        "airflow.models.dagrun:DagRun.get_task_instances",
        "sched_cache_airflow.fast_path.loop_views:LoopViews._read",
    ),
    "dependencies": (
        "airflow.models.taskinstance:TaskInstance.are_dependencies_met",
        "sched_cache_airflow.fast_path.run_view:RunView.asked",
    ),
    "second_fetch": ("airflow.models.dagrun:DagRun._get_ready_tis",),
    "update_state": ("airflow.models.dagrun:DagRun.update_state",),
    "schedule_tis": (
        "airflow.models.dagrun:DagRun.schedule_tis",
        "sched_cache_airflow.hosts.airflow3.decisions.scheduled_rows:RunsThenRows._write",
    ),
    "queue_tis": (
        "airflow.jobs.scheduler_job_runner:SchedulerJobRunner._critical_section_enqueue_task_instances",
    ),
    "commit": ("airflow.utils.sqlalchemy:CommitProhibitorGuard.commit",),
}

# The garbage collector is a phase of its own: it may interrupt any function, for as long as a quick phase takes.
GARBAGE = "garbage"


class Phases:
    """Seconds per phase, each without the phases inside it, and the number of queries. Not for threads.

    A call costs well under a microsecond more; the phase called thousands of times in a loop, `dependencies`,
    takes a hundred times that.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self.seconds = dict.fromkeys((*TARGETS, GARBAGE), 0.0)
        self.sql_seconds = 0.0
        self.n_queries = 0
        self._inside: list[float] = []  # per open call: seconds that belong to phases within
        self._sent_at = 0.0
        self._collecting_since = 0.0

    def reset(self) -> None:
        self.seconds = dict.fromkeys((*TARGETS, GARBAGE), 0.0)
        self.sql_seconds, self.n_queries = 0.0, 0

    def install(self) -> None:
        """Wraps the host's functions as they are now: after a plugin has put its own in their place."""
        gc.callbacks.append(self.collecting)
        import importlib

        for phase, paths in TARGETS.items():
            for path in paths:
                module, _, names = path.partition(":")
                class_name, _, function = names.partition(".")
                if module.startswith("airflow."):
                    importlib.import_module(module)
                owner = getattr(sys.modules.get(module), class_name, None)
                for place in [owner, *_subclasses(owner)] if owner else []:
                    if function in vars(place):
                        setattr(place, function, self.timed(phase, vars(place)[function]))

    def count_queries(self, engine: Any) -> None:
        """Counts the queries of this engine from now on."""
        from sqlalchemy import event

        event.listen(engine, "before_cursor_execute", self._before_query)
        event.listen(engine, "after_cursor_execute", self._after_query)

    def timed(self, phase: str, function: Any) -> Any:
        """The function, its seconds counted for the phase."""
        clock, inside = self._clock, self._inside

        @functools.wraps(function)
        def timed(*arguments: Any, **named: Any) -> Any:
            inside.append(0.0)
            start = clock()
            try:
                return function(*arguments, **named)
            finally:
                elapsed = clock() - start
                self.seconds[phase] += elapsed - inside.pop()
                if inside:
                    inside[-1] += elapsed

        return only_observes(timed)

    def collecting(self, event: str, _: object = None) -> None:
        """Receives "start" and "stop" of each garbage collection, for which all threads wait."""
        now = self._clock()
        if event == "start":
            self._collecting_since = now
            return
        elapsed = now - self._collecting_since
        self.seconds[GARBAGE] += elapsed
        if self._inside:
            self._inside[-1] += elapsed

    def _before_query(self, *_: object) -> None:
        self._sent_at = self._clock()

    def _after_query(self, *_: object) -> None:
        self.sql_seconds += self._clock() - self._sent_at
        self.n_queries += 1


def _subclasses(owner: Any) -> list[Any]:
    found = []
    for subclass in owner.__subclasses__():
        found += [subclass, *_subclasses(subclass)]
    return found

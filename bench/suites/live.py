"""Living schedulers: the time to the next task, and how many tasks they get through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..case import Case, Parameter
from ..live.options import BY_API, BY_DATABASE
from ..live.session import LiveSession
from ..loop.database_of_subject import run_environ
from ..services import DATABASE, REDIS
from ..size import Size
from ..subject import Subject
from ..suite import Chart, Metric, Session


class LiveSuite:
    """`airflow scheduler` processes with all their loops and sleeps. `slots`: `[core] parallelism`."""

    name = "live"
    title = "Living schedulers"
    reference = "airflow"
    divisor = "reference"
    needs = frozenset({DATABASE, REDIS})
    minutes: Mapping[Size, float] = {Size.QUICK: 0.45, Size.STANDARD: 0.7}
    metrics: Sequence[Metric] = (
        Metric("lag_p50", "end of a task to the next one queued, median", "seconds"),
        Metric("lag_p99", "end of a task to the next one queued, 99 of 100", "seconds"),
        Metric("handed_p50", "queued to given to a worker, median", "seconds"),
        Metric("whole", "all runs, first task queued to last task ended", "seconds"),
        Metric("tasks_per_second", "tasks queued and ended", "per second"),
        Metric("seconds_per_task", "time per task", "seconds"),
        Metric("loops_per_second", "loops of all schedulers", "per second"),
        Metric("queries_per_task", "queries of the schedulers per task", "queries"),
        Metric("scheduler_cpu_per_task", "processor time of the schedulers per task", "seconds"),
        Metric("database_cpu_per_task", "processor time of the database per task", "seconds"),
    )
    charts: Sequence[Chart] = (
        Chart(
            "Tasks queued and ended, per second",
            "More is better. Tasks take no time at all where the case says so.",
            "dots",
            ("tasks_per_second",),
        ),
        Chart(
            "From the end of a task to the next one queued",
            "The median over a whole run.",
            "dots",
            ("lag_p50",),
        ),
    )
    headline: Sequence[str] = ("lag_p50", "lag_p99", "seconds_per_task")

    def cases(self, size: Size, seed: int) -> Sequence[Case]:
        def case(
            shape: str, n_dags: int, n_tasks: int, seconds: float, ends: str, n_nodes: int, **limits: Any
        ) -> Case:
            parameters: dict[str, Parameter] = {
                "n_nodes": n_nodes,
                "shape": shape,
                "n_dags": n_dags,
                "n_tasks": n_tasks,
                "finished_percent": 0,
                "task_seconds": seconds,
                "slots": 64,
                "ends": ends,
            }
            return Case("live", parameters, seed, max_processes=1, **limits)

        few: dict[str, Any] = {"min_rounds": 1, "max_rounds": 1}
        if size is Size.QUICK:
            return [case("chain", 1, 5, 0.1, BY_DATABASE, 1, **few)]
        standard = [case("chain", 1, 10, 0.1, BY_DATABASE, 1, **few, subjects=("airflow", "plugin"))]
        if size is Size.STANDARD:
            return standard
        return [
            *standard,
            *(case("chain", 1, 20, 0.3, BY_API, n_nodes, **few) for n_nodes in (1, 2)),
            *(case("layers", 20, 200, 0.0, BY_DATABASE, n_nodes, **few) for n_nodes in (1, 2)),
            case("layers", 20, 200, 0.0, BY_DATABASE, 4, **few),
            case("layers", 20, 200, 1.0, BY_DATABASE, 1, **few),
        ]

    def environ(self, case: Case, subject: Subject, services: Mapping[str, str]) -> Mapping[str, str]:
        return run_environ(subject, services)

    def open(self, case: Case, subject: Subject, services: Mapping[str, str]) -> Session:
        return LiveSession(case, subject, services)


SUITE = LiveSuite()

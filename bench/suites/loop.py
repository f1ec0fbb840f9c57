"""The cost of one pass of the scheduler's loop: creating runs, idling, scheduling, ending runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..case import Case, Parameter
from ..loop.database_of_subject import run_environ
from ..loop.phases import TARGETS
from ..loop.session import LoopSession
from ..services import DATABASE, REDIS
from ..size import Size
from ..subject import Subject
from ..suite import Chart, Metric, Session

_LOOPS = {
    "create": "create and start the runs, in as many loops as that takes",
    "steady": "a loop that finds nothing to do",
    "busy": "a loop that schedules what can start",
    "last": "the loop that ends the runs",
}
_PHASES = {
    "create_runs": "which runs are due, their rows",
    "start_runs": "queued runs to running",
    "get_dag": "get the DAG",
    "create_tis": "rows of task instances",
    "fetch_tis": "read the task instances",
    "dependencies": "check dependencies",
    "second_fetch": "read the waiting ones again",
    "update_state": "state of the run",
    "schedule_tis": "mark as scheduled",
    "queue_tis": "hand over to the executor",
    "commit": "commit",
    "garbage": "garbage collection",
    "other": "the rest",
}


def _metrics() -> Iterator[Metric]:
    for loop, title in _LOOPS.items():
        parts = tuple(f"{loop}_{phase}" for phase in _PHASES)
        # A full collection takes longer than many a loop and strikes one in three of stock's: such ratios would leap.
        work = f"{loop}_work"
        yield Metric(
            f"{loop}_seconds", title, "seconds", "SchedulerJobRunner._do_scheduling", parts, against=work
        )
        yield Metric(work, f"{loop}: of all that, without garbage collection", "seconds", "", parts)
        for phase, what in _PHASES.items():
            where = ", ".join(path.partition(":")[2] for path in TARGETS.get(phase, ()))
            yield Metric(f"{loop}_{phase}", f"{loop}: {what}", "seconds", where, against=work)
        of_it = f"{loop}: of all that, "
        yield Metric(f"{loop}_cpu", of_it + "computing in this process", "seconds", "", parts, work)
        yield Metric(f"{loop}_sql", of_it + "the driver at work and the database", "seconds", against=work)
        yield Metric(f"{loop}_queries", f"queries: {title}", "queries")
    yield Metric("busy_scheduled", "busy: task instances that can start", "task instances")


# Stock takes seconds a loop. In the standard set one case has Airflow 2.11 too, the others only stock and the plugin;
# how the plugin does without Redis is asked in `restart`, where Redis matters. So there is time for the rounds that a
# median needs (`agree.MIN_ROUNDS`).
_PAIR = ("airflow", "plugin")
_BOTH_HOSTS = (*_PAIR, "airflow2", "plugin_airflow2")
_FOUR: dict[str, Any] = {"min_rounds": 4, "max_rounds": 4, "max_processes": 1}
_FIVE: dict[str, Any] = {"min_rounds": 5, "max_rounds": 5, "max_processes": 1}
_ONCE: dict[str, Any] = {"min_rounds": 1, "max_rounds": 1, "max_processes": 1, "subjects": _PAIR}
_ONE_RUN = {"n_dags": 1, "shape": "layers", "finished_percent": 50}


class LoopSuite:
    """Sizes, shapes and shares of finished tasks. `finished_percent` counts in topological order."""

    name = "loop"
    title = "One pass of the scheduler's loop"
    reference = "airflow"
    divisor = "reference"
    needs = frozenset({DATABASE, REDIS})
    minutes: Mapping[Size, float] = {Size.QUICK: 0.5, Size.STANDARD: 9.5}
    metrics: Sequence[Metric] = tuple(_metrics())
    charts: Sequence[Chart] = (
        Chart(
            "A loop that finds nothing to do, one run, half of its tasks finished",
            "The time between two looks at any other run of this scheduler.",
            "lines",
            ("steady_seconds",),
            where=_ONE_RUN,
        ),
        Chart(
            "Creating one run",
            "From a due DAG to a running run with all its task instances.",
            "lines",
            ("create_seconds",),
            where=_ONE_RUN,
        ),
        Chart(
            "Where a loop that finds nothing to do spends its time",
            "Shares of the whole, which stands beside each bar.",
            "stack",
            tuple(f"steady_{phase}" for phase in _PHASES),
        ),
        Chart(
            "Where creating runs spends its time",
            "Shares of all loops that it takes; their sum stands beside each bar.",
            "stack",
            tuple(f"create_{phase}" for phase in _PHASES),
        ),
        Chart(
            "Queries of a loop that finds nothing to do",
            "Each costs a round trip to the database, which is next door here and is not in a cluster.",
            "dots",
            ("steady_queries",),
        ),
    )
    headline: Sequence[str] = (
        "steady_seconds",
        "busy_seconds",
        "create_seconds",
        "last_seconds",
        "steady_queries",
    )

    def cases(self, size: Size, seed: int) -> Sequence[Case]:
        def case(shape: str, n_dags: int, n_tasks: int, finished: int, **limits: Any) -> Case:
            parameters: dict[str, Parameter] = {
                "shape": shape,
                "n_dags": n_dags,
                "n_tasks": n_tasks,
                "finished_percent": finished,
            }
            return Case("loop", parameters, seed, **limits)

        if size is Size.QUICK:
            few = {"min_rounds": 2, "max_rounds": 2}
            return [case("layers", 1, n_tasks, 50, **few) for n_tasks in (100, 500)]
        if size is Size.STANDARD:
            return [
                case("layers", 1, 100, 50, **_FIVE, subjects=_PAIR),
                case("layers", 1, 1000, 50, **_FIVE, subjects=_BOTH_HOSTS),
                case("layers", 1, 2000, 50, **_FIVE, subjects=_PAIR),
                case("layers", 3, 1000, 0, **_FIVE, subjects=_PAIR),
                case("layers", 50, 200, 50, **_FOUR, subjects=_PAIR),
                case("chain", 200, 5, 0, **_FOUR, subjects=_PAIR),
            ]
        long = {"budget_seconds": 20.0}
        return [
            case("layers", 1, 100, 50, **long),
            case("layers", 1, 500, 50, **long),
            *(case("layers", 1, 1000, finished, **long) for finished in (0, 50, 95)),
            *(case(shape, 1, 1000, 50, **long) for shape in ("chain", "fan", "diamonds", "groups", "setups")),
            case("mapped", 1, 1000, 0, **long),
            case("layers", 3, 1000, 0, **long),
            case("layers", 50, 200, 50, **long),
            case("chain", 200, 5, 0, **long),
            case("layers", 1, 2000, 50, **long),
            case("layers", 1, 5000, 50, **_ONCE),
            case("layers", 1, 10_000, 50, **_ONCE),
        ]

    def environ(self, case: Case, subject: Subject, services: Mapping[str, str]) -> Mapping[str, str]:
        return run_environ(subject, services)

    def open(self, case: Case, subject: Subject, services: Mapping[str, str]) -> Session:
        return LoopSession(case, subject, services)


SUITE = LoopSuite()

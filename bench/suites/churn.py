"""DAGs are edited while the loop runs: the cost of reloading, the use of outdated DAGs, and the growth of memory."""

from __future__ import annotations

import gc
import itertools
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ..case import Case, Parameter
from ..loop.child import Child
from ..loop.database_of_subject import SubjectDatabase, engine, run_environ
from ..loop.observing import examined_runs
from ..loop.phases import Phases
from ..loop.scheduler import Scheduler
from ..memory import rss_bytes
from ..services import DATABASE, HOME, REDIS
from ..size import Size
from ..subject import Subject
from ..suite import Chart, Metric, Round, Session


class ChurnSession:
    """In each round, another process edits some DAGs, and the loop runs once with and once without edits."""

    def __init__(self, case: Case, subject: Subject, services: Mapping[str, str]) -> None:
        self._n_dags, self._n_edited = (int(case.parameters[name]) for name in ("n_dags", "n_edited"))
        SubjectDatabase(case, subject, services).restore("steady")
        self._work = subject.open(case)
        self._scheduler = Scheduler()
        self._scheduler.register()
        self._phases = Phases()
        self._phases.count_queries(engine())
        self._used: dict[str, int] = {}
        self._retries = itertools.count(100)
        self._n_rounds, self._rss_at_start = 0, 0
        # A DAG that was stored less than this many seconds ago is not stored again; here edits are that close.
        environ = {**os.environ, "AIRFLOW__CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "0"}
        self._editor = Child("loop.editor", environ)
        self._editor.ask({"case": asdict(case), "home": services[HOME]})

    def warm_up(self) -> None:
        for _ in range(2):
            self.round()
        self._n_rounds, self._rss_at_start = 0, rss_bytes()

    def round(self) -> Sequence[Round]:
        retries = next(self._retries)
        first = self._n_rounds * self._n_edited
        numbers = [(first + number) % self._n_dags for number in range(self._n_edited)]
        self._n_rounds += 1
        self._editor.ask({"numbers": numbers, "retries": retries})
        with examined_runs(lambda run: self._used.update({run.dag_id: _retries_of(run)})):
            edited_seconds, edited_queries = self._loop()
        n_old = sum(self._used.get(f"dag_{number}") != retries for number in numbers)
        quiet_seconds, _ = self._loop()
        return [
            Round(
                {
                    "edited_loop": edited_seconds,
                    "quiet_loop": quiet_seconds,
                    "edited_queries": edited_queries,
                    "old_percent": 100.0 * n_old / len(numbers),
                }
            )
        ]

    def figures(self) -> Mapping[str, float]:
        n_edits = max(1, self._n_rounds * self._n_edited)
        growth = max(0, rss_bytes() - self._rss_at_start)
        return {"growth_bytes": growth / n_edits, **self._work.counters()}

    def close(self) -> None:
        self._editor.stop()
        engine().dispose()

    def _loop(self) -> tuple[float, float]:
        gc.collect()  # otherwise a full collection would affect only some loops
        self._phases.reset()
        seconds, _ = self._scheduler.loop()
        return seconds, float(self._phases.n_queries)


def _retries_of(run: Any) -> int:
    """Of a task of the DAG that the run is examined with."""
    return int(run.dag.get_task(next(iter(run.dag.task_dict))).retries)


class ChurnSuite:
    """As many runs as one loop looks at, so that each loop sees every edit."""

    name = "churn"
    title = "DAGs edited while the loop runs"
    reference = "airflow"
    divisor = "reference"
    needs = frozenset({DATABASE, REDIS})
    minutes: Mapping[Size, float] = {Size.QUICK: 0.3, Size.STANDARD: 1.2}
    metrics: Sequence[Metric] = (
        Metric("edited_loop", "a loop after edits", "seconds", "SchedulerJobRunner._do_scheduling"),
        Metric(
            "quiet_loop", "the loop after that, without edits", "seconds", "SchedulerJobRunner._do_scheduling"
        ),
        Metric("edited_queries", "queries of a loop after edits", "queries"),
        Metric("old_percent", "edited DAGs that this loop still worked with as they were", "percent"),
        Metric(
            "growth_bytes",
            "growth of the process per edit",
            "bytes",
            rough="a process grows by whole arenas of its allocator, and is looked at once",
        ),
    )
    charts: Sequence[Chart] = (
        Chart("A loop after edits", "Edited DAGs have to be loaded again.", "dots", ("edited_loop",)),
    )
    headline: Sequence[str] = ("edited_loop", "quiet_loop", "old_percent", "growth_bytes")

    def cases(self, size: Size, seed: int) -> Sequence[Case]:
        def case(n_dags: int, n_tasks: int, n_edited: int) -> Case:
            parameters: dict[str, Parameter] = {
                "shape": "layers",
                "n_dags": n_dags,
                "n_tasks": n_tasks,
                "finished_percent": 50,
                "n_edited": n_edited,
            }
            budget = {Size.QUICK: 1.0, Size.STANDARD: 9.0, Size.THOROUGH: 60.0}[size]
            return Case("churn", parameters, seed, budget, max_processes=2 if size is Size.THOROUGH else 1)

        if size is Size.QUICK:
            return [case(5, 50, 2)]
        if size is Size.STANDARD:
            return [case(20, 200, 1)]
        return [case(20, 50, 1), case(20, 200, 1), case(20, 200, 10)]

    def environ(self, case: Case, subject: Subject, services: Mapping[str, str]) -> Mapping[str, str]:
        return run_environ(subject, services)

    def open(self, case: Case, subject: Subject, services: Mapping[str, str]) -> Session:
        return ChurnSession(case, subject, services)


SUITE = ChurnSuite()

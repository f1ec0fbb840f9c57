"""The time until a scheduler that was just started works as fast as before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from ..case import Case, Parameter
from ..loop.child import Child
from ..loop.database_of_subject import SubjectDatabase, run_environ
from ..services import DATABASE, REDIS
from ..size import Size
from ..subject import Subject
from ..suite import Chart, Metric, Round, Session


class RestartSession:
    """Starts a new process in each round. Redis and the tables of the plugin stay as the previous process left them."""

    def __init__(self, case: Case, subject: Subject, services: Mapping[str, str]) -> None:
        self._case, self._subject = case, subject
        self._database = SubjectDatabase(case, subject, services)
        self._counters: dict[str, float] = {}

    def warm_up(self) -> None:
        self.round()

    def round(self) -> Sequence[Round]:
        self._database.restore("steady")
        with Child("loop.first_loops") as process:
            found = process.ask({"case": asdict(self._case), "subject": self._subject.name})
        self._counters = found["counters"]
        return [
            Round(
                {
                    "first_loop": found["first_seconds"],
                    "later_loop": found["later_seconds"],
                    "first_queries": found["first_queries"],
                    "rss_bytes": found["rss_bytes"],
                }
            )
        ]

    def figures(self) -> Mapping[str, float]:
        return self._counters

    def close(self) -> None:
        """Its processes have ended."""


class RestartSuite:
    """Running runs of as many DAGs as one loop looks at: all of them are loaded in the first loop."""

    name = "restart"
    title = "A scheduler that has just been started"
    reference = "airflow"
    divisor = "reference"
    needs = frozenset({DATABASE, REDIS})
    minutes: Mapping[Size, float] = {Size.QUICK: 0.25, Size.STANDARD: 1.7}
    metrics: Sequence[Metric] = (
        Metric("first_loop", "the first loop of a process", "seconds", "SchedulerJobRunner._do_scheduling"),
        Metric("later_loop", "a loop after the second one", "seconds", "SchedulerJobRunner._do_scheduling"),
        Metric("first_queries", "queries of the first loop", "queries"),
        Metric("rss_bytes", "size of the process after its first loops", "bytes"),
    )
    charts: Sequence[Chart] = (
        Chart(
            "The first loop of a process",
            "Redis holds what an earlier process has left there. Starting Python is not counted.",
            "dots",
            ("first_loop",),
        ),
    )
    headline: Sequence[str] = ("first_loop", "later_loop")

    def cases(self, size: Size, seed: int) -> Sequence[Case]:
        def case(n_dags: int, n_tasks: int) -> Case:
            parameters: dict[str, Parameter] = {
                "shape": "layers",
                "n_dags": n_dags,
                "n_tasks": n_tasks,
                "finished_percent": 50,
            }
            n_rounds = {Size.QUICK: 1, Size.STANDARD: 4, Size.THOROUGH: 7}[size]
            return Case("restart", parameters, seed, 0.0, n_rounds, n_rounds, 1)

        if size is Size.QUICK:
            return [case(5, 50)]
        return [case(20, 200)] if size is Size.STANDARD else [case(20, 50), case(20, 200), case(20, 500)]

    def environ(self, case: Case, subject: Subject, services: Mapping[str, str]) -> Mapping[str, str]:
        return run_environ(subject, services)

    def open(self, case: Case, subject: Subject, services: Mapping[str, str]) -> Session:
        return RestartSession(case, subject, services)


SUITE = RestartSuite()

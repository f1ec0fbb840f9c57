"""The growth of a scheduler process by the DAGs that it holds."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from ..case import Case
from ..lookup.stored_dags import ensure_stored, stored_environ
from ..memory import give_free_memory_back, rss_bytes
from ..services import DATABASE, REDIS
from ..size import Size
from ..subject import Subject, Work
from ..suite import Chart, Metric, Round, Session


class MemorySession:
    """Loads and uses everything once, and measures the size of the process before and after."""

    def __init__(self, work: Work, n_dags: int) -> None:
        self._work = work
        self._n_dags = n_dags

    def warm_up(self) -> None:
        """Does nothing, because the cost of the first load is measured."""

    def round(self) -> Sequence[Round]:
        samples = {}
        give_free_memory_back()
        before = rss_bytes()
        for name, operation in self._work.timed.items():
            start = time.perf_counter()
            operation()
            samples[f"{name}_seconds"] = (time.perf_counter() - start) / self._n_dags
            give_free_memory_back()
            samples[f"{name}_bytes"] = max(0.0, rss_bytes() - before) / self._n_dags
        return [Round(samples)]

    def figures(self) -> Mapping[str, float]:
        return self._work.counters()

    def close(self) -> None:
        """The process ends."""


class MemorySuite:
    """Many small DAGs, some larger ones. One round: a process grows only once."""

    name = "memory"
    title = "Memory of a scheduler process, per DAG that it holds"
    reference = "airflow"
    divisor = "reference"
    needs = frozenset({DATABASE, REDIS})
    minutes: Mapping[Size, float] = {Size.QUICK: 0.2, Size.STANDARD: 1.4}
    metrics: Sequence[Metric] = (
        Metric("load_bytes", "growth of the process per DAG held", "bytes", "sched_cache.format.CompactDag"),
        Metric(
            "use_bytes",
            "growth per DAG held, fields of every task read",
            "bytes",
            "sched_cache.format.CompactDag",
        ),
        Metric("load_seconds", "time to load one DAG", "seconds", "sched_cache.contents"),
        Metric("use_seconds", "time to read the fields of all its tasks", "seconds"),
    )
    charts: Sequence[Chart] = (
        Chart(
            "Growth of the process per DAG held",
            "Resident size before and after, divided by the number of DAGs; free memory is given back before.",
            "dots",
            ("load_bytes",),
        ),
        Chart(
            "The same, after fields of every task were read",
            "As it is once the scheduler has worked on every task.",
            "dots",
            ("use_bytes",),
        ),
    )
    headline: Sequence[str] = ("load_bytes", "use_bytes")

    def cases(self, size: Size, seed: int) -> Sequence[Case]:
        sizes = {
            Size.QUICK: [(40, 100)],
            Size.STANDARD: [(500, 200)],
            Size.THOROUGH: [(1000, 20), (500, 200), (100, 1000)],
        }[size]
        return [
            Case(
                "memory",
                {"shape": "layers", "n_tasks": 10, "n_dags": n_dags, "n_small_tasks": n_tasks},
                seed,
                min_rounds=1,
                max_rounds=1,
                max_processes=1 if size is Size.QUICK else 3,
            )
            for n_dags, n_tasks in sizes
        ]

    def environ(self, case: Case, subject: Subject, services: Mapping[str, str]) -> Mapping[str, str]:
        return stored_environ(case, services)

    def open(self, case: Case, subject: Subject, services: Mapping[str, str]) -> Session:
        ensure_stored(case, services)
        return MemorySession(subject.open(case), int(case.parameters["n_dags"]))


SUITE = MemorySuite()

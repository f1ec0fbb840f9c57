"""The cost of one look-up: a DAG held in this process, a DAG in Redis, many at once; and outdated answers."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from ..case import Case, Parameter
from ..lookup.stored_dags import ensure_stored, stored_environ
from ..operations import OperationSession
from ..services import DATABASE, REDIS
from ..size import Size
from ..subject import Subject
from ..suite import Chart, Metric, Session


class LookupSuite:
    """One large DAG, and many small ones, in the host's tables, in ours, and in Redis."""

    name = "lookup"
    title = "Looking a DAG up: in this process, in Redis, in the database"
    reference = "airflow"
    divisor = "reference"
    needs = frozenset({DATABASE, REDIS})
    minutes: Mapping[Size, float] = {Size.QUICK: 0.2, Size.STANDARD: 1.8}
    metrics: Sequence[Metric] = (
        Metric("hit", "a DAG that this process holds", "seconds", "sched_cache.dag_cache: DagCache.get"),
        Metric(
            "miss", "a DAG of 1000 tasks that it does not hold", "seconds", "sched_cache.dag_cache: get_many"
        ),
        Metric(
            "miss_task",
            "the same, and one field of one task",
            "seconds",
            "sched_cache.format",
            includes=("miss",),
        ),
        Metric("many", "all small DAGs, none held", "seconds", "sched_cache.dag_cache: DagCache.get_many"),
        *(
            Metric(f"hit_percent_{n}", f"hits with 512 places and {n} DAGs in turn", "percent")
            for n in (600, 1000, 2000)
        ),
        Metric("control", "old value served although nothing was in flight", "times"),
        Metric("stale_set", "old value served after a load that an invalidation overtook", "times"),
        Metric("join_stale", "old value served by joining such a load", "times"),
    )
    charts: Sequence[Chart] = (
        Chart("A DAG that this process holds", "One call of get. Lower is better.", "dots", ("hit",)),
        Chart("A DAG that it does not hold", "1000 tasks, from Redis or the database.", "dots", ("miss",)),
        Chart("All small DAGs at once, none held", "From Redis or the database.", "dots", ("many",)),
    )
    headline: Sequence[str] = ("hit", "miss", "many", "stale_set", "join_stale")

    def cases(self, size: Size, seed: int) -> Sequence[Case]:
        n_dags = 50 if size is Size.QUICK else 500
        budget, n_processes = {Size.QUICK: (1.0, 1), Size.STANDARD: (5.0, 1), Size.THOROUGH: (60.0, 3)}[size]
        parameters: dict[str, Parameter] = {
            "shape": "layers",
            "n_tasks": 1000,
            "n_dags": n_dags,
            "n_small_tasks": 200,
        }
        return [Case("lookup", parameters, seed, budget, max_processes=n_processes)]

    def environ(self, case: Case, subject: Subject, services: Mapping[str, str]) -> Mapping[str, str]:
        return stored_environ(case, services)

    def open(self, case: Case, subject: Subject, services: Mapping[str, str]) -> Session:
        ensure_stored(case, services)
        return OperationSession(subject.open(case), time.perf_counter)


SUITE = LookupSuite()

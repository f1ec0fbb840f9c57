"""Whole runs of a case by living schedulers, from the first task that is queued to the last run that ends."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from ..case import Case
from ..loop.database_of_subject import SubjectDatabase, engine
from ..loop.workload import make_documents, open_pools, topological, unstart_tasks
from ..services import HOME
from ..subject import Subject
from ..suite import Round
from .cluster import Cluster, processor_seconds_of_server
from .options import BY_API, ENDS, SECONDS
from .waits import Executed, waits

_POLL_SECONDS = 0.05
_TIMEOUT_SECONDS = 3600.0


class LiveSession:
    """Each round begins with the runs at their start and with new scheduler processes."""

    def __init__(self, case: Case, subject: Subject, services: Mapping[str, str]) -> None:
        parameters: Mapping[str, Any] = case.parameters
        self._n_schedulers = int(parameters["n_nodes"])
        self._database = SubjectDatabase(case, subject, services)
        self._database.restore("steady")
        self._work = subject.open(case)
        documents = make_documents(
            parameters["shape"],
            parameters["n_dags"],
            parameters["n_tasks"],
            seed=case.seed,
            folder=os.path.join(services[HOME], "dags"),
        )
        self._upstream = {document["dag"]["dag_id"]: topological(document)[1] for document in documents}
        options = {
            SECONDS: str(parameters["task_seconds"]),
            ENDS: str(parameters["ends"]),
            "AIRFLOW__CORE__PARALLELISM": str(parameters["slots"]),
        }
        self._cluster = Cluster(options, has_api=parameters["ends"] == BY_API)

    def warm_up(self) -> None:
        """Nothing: a round is as long as a scheduler's first minutes, and its beginning is part of it."""

    def round(self) -> Sequence[Round]:
        self._database.restore("steady")
        open_pools()
        unstart_tasks()
        self._cluster.start(self._n_schedulers)
        try:
            return [Round(self._measured())]
        finally:
            self._cluster.stop_schedulers()

    def figures(self) -> Mapping[str, float]:
        return {}

    def close(self) -> None:
        self._cluster.close()
        engine().dispose()

    def _measured(self) -> dict[str, float]:
        self._wait(lambda: self._count("task_instance", "queued_dttm IS NOT NULL") > 0)
        before = self._load()
        self._wait(lambda: self._count("dag_run", "state = 'running'") == 0)
        after = self._load()
        n_failed = self._count("dag_run", "state != 'success'")
        if n_failed:
            raise RuntimeError(f"{n_failed} runs have not succeeded")
        rows = self._executed()
        # The first loop queues many at once, before anything is counted.
        n_counted = max(1, sum(row.queued_at > before.clock for row in rows))
        seconds = after.at - before.at
        return {
            **waits(rows, self._upstream),
            "loops_per_second": (after.n_loops - before.n_loops) / seconds,
            "queries_per_task": (after.n_queries - before.n_queries) / n_counted,
            "scheduler_cpu_per_task": (after.scheduler - before.scheduler) / n_counted,
            "database_cpu_per_task": (after.server - before.server) / n_counted,
        }

    def _wait(self, is_done: Any) -> None:
        until = time.monotonic() + _TIMEOUT_SECONDS
        while not is_done():
            self._cluster.check()
            if time.monotonic() > until:
                raise TimeoutError(f"the runs have not ended within {_TIMEOUT_SECONDS:.0f} s")
            time.sleep(_POLL_SECONDS)

    def _load(self) -> _Load:
        n_loops, n_queries = self._cluster.loops_and_queries()
        with engine().connect() as connection:
            server = processor_seconds_of_server(connection)
        now = datetime.now(timezone.utc)
        return _Load(time.monotonic(), now, n_loops, n_queries, self._cluster.processor_seconds(), server)

    def _count(self, table: str, where: str) -> int:
        from sqlalchemy import text

        with engine().connect() as connection:
            return int(connection.execute(text(f"SELECT count(*) FROM {table} WHERE {where}")).scalar())

    def _executed(self) -> list[Executed]:
        from airflow.models import TaskInstance
        from sqlalchemy import select

        table = TaskInstance.__table__
        columns = (table.c[name] for name in ("dag_id", "task_id", "queued_dttm", "start_date", "end_date"))
        with engine().connect() as connection:
            return [Executed(*row) for row in connection.execute(select(*columns))]


@dataclass(frozen=True, slots=True)
class _Load:
    """The use of the schedulers and of the server by a moment: counts, and processor seconds."""

    at: float
    clock: datetime
    n_loops: int
    n_queries: int
    scheduler: float
    server: float

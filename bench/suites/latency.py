"""From a saved file to a queued task: parsed, stored, used by the scheduler, queued."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from threading import Event, Thread
from typing import Any

from ..airflow_home import airflow_environ
from ..case import Case
from ..loop.dag_processor import DAG_ID, DagProcessor
from ..loop.database_of_subject import engine
from ..loop.metadata_db import metadata_db
from ..loop.observing import examined_runs
from ..loop.scheduler import Scheduler
from ..loop.templates import ensure_migrated, migrated
from ..loop.workload import open_pools
from ..services import DATABASE, HOME, REDIS
from ..size import Size
from ..subject import Subject
from ..suite import Chart, Metric, Round, Session

_IDLE_SECONDS = 1.0  # [scheduler] scheduler_idle_sleep_time
_POLL_SECONDS = 0.02
_TIMEOUT_SECONDS = 180.0


class LatencySession:
    """A DAG processor, and a scheduler that loops and sleeps as the host's does, with one running run."""

    def __init__(self, case: Case, subject: Subject, services: Mapping[str, str]) -> None:
        ensure_migrated(services)
        metadata_db(services[DATABASE]).copy(migrated(), f"latency_{subject.name}")
        open_pools()
        self._work = subject.open(case)
        self._task_ids = [f"stays_{number}" for number in range(int(case.parameters["n_tasks"]))]
        self._processor = DagProcessor(os.environ["AIRFLOW_HOME"])
        self._processor.save(self._task_ids)
        self._scheduler = Scheduler()
        self._scheduler.register()

    def warm_up(self) -> None:
        """Waits until the first run has started."""
        self._processor.start()
        watch = _Watch(self._task_ids[-1])
        self._loop_until(lambda: watch.queued_at is not None)
        watch.stop()
        self.round()

    def round(self) -> Sequence[Round]:
        added = f"added_{len(self._task_ids)}"
        self._task_ids.append(added)
        watch = _Watch(added)
        used: list[float] = []

        def note(run: Any) -> None:
            if not used and run.dag.has_task(added):
                used.append(time.monotonic())

        with examined_runs(note):
            self._processor.save(self._task_ids)
            saved_at = time.monotonic()
            self._loop_until(lambda: watch.queued_at is not None)
        watch.stop()
        assert watch.stored_at and used and watch.queued_at
        return [
            Round(
                {
                    "saved_to_stored": watch.stored_at - saved_at,
                    "stored_to_used": max(0.0, used[0] - watch.stored_at),
                    "used_to_queued": max(0.0, watch.queued_at - used[0]),
                    "saved_to_queued": watch.queued_at - saved_at,
                }
            )
        ]

    def figures(self) -> Mapping[str, float]:
        return self._work.counters()

    def close(self) -> None:
        self._processor.stop()
        engine().dispose()

    def _loop_until(self, is_done: Callable[[], bool]) -> None:
        until = time.monotonic() + _TIMEOUT_SECONDS
        while not is_done():
            self._processor.check()
            if time.monotonic() > until:
                raise TimeoutError(f"nothing was queued within {_TIMEOUT_SECONDS:.0f} s")
            self._scheduler.loop()
            time.sleep(_POLL_SECONDS)  # what was queued just now is seen before the scheduler goes to sleep
            if not is_done():
                time.sleep(_IDLE_SECONDS)


class _Watch:
    """Reads from the database when a task was stored with its DAG, and when it was queued."""

    def __init__(self, task_id: str) -> None:
        self.stored_at: float | None = None
        self.queued_at: float | None = None
        self._task_id = task_id
        self._over = Event()
        self._thread = Thread(target=self._poll, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    def _poll(self) -> None:
        from sqlalchemy import create_engine, text
        from sqlalchemy.exc import OperationalError
        from sqlalchemy.pool import NullPool

        outside = create_engine(os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"], poolclass=NullPool)
        stored = text(
            "SELECT data FROM serialized_dag WHERE dag_id = :dag_id ORDER BY last_updated DESC LIMIT 1"
        )
        queued = text(
            "SELECT 1 FROM task_instance WHERE dag_id = :dag_id AND task_id = :task_id AND state = 'queued'"
        )
        names = {"dag_id": DAG_ID, "task_id": self._task_id}
        with outside.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            while not self._over.wait(_POLL_SECONDS) and self.queued_at is None:
                try:
                    if self.stored_at is None:
                        found = connection.execute(stored, {"dag_id": DAG_ID}).scalar()
                        if found is not None and self._task_id in str(found):
                            self.stored_at = time.monotonic()
                    elif connection.execute(queued, names).scalar():
                        self.queued_at = time.monotonic()
                except OperationalError:
                    continue  # another process is writing to SQLite


class LatencySuite:
    """Wall-clock time including sleeps, for which an author waits."""

    name = "latency"
    title = "From a saved file to a queued task"
    reference = "airflow"
    divisor = "reference"
    needs = frozenset({DATABASE, REDIS})
    minutes: Mapping[Size, float] = {Size.QUICK: 0.25, Size.STANDARD: 0.9}
    metrics: Sequence[Metric] = (
        Metric(
            "saved_to_queued",
            "file saved to task queued",
            "seconds",
            includes=("saved_to_stored", "stored_to_used", "used_to_queued"),
        ),
        Metric("saved_to_stored", "latency: file saved to DAG stored", "seconds", "airflow dag-processor"),
        Metric("stored_to_used", "latency: DAG stored to used by the scheduler", "seconds"),
        Metric("used_to_queued", "latency: used to task queued", "seconds"),
    )
    charts: Sequence[Chart] = (
        Chart(
            "From a saved file to a queued task",
            "Shares of the whole, which stands beside each bar. The processor looks at the file every second "
            "here, and the scheduler sleeps a second when idle.",
            "stack",
            ("saved_to_stored", "stored_to_used", "used_to_queued"),
        ),
    )
    headline: Sequence[str] = ("saved_to_queued",)

    def cases(self, size: Size, seed: int) -> Sequence[Case]:
        sizes, n_rounds = {
            Size.QUICK: ((10,), 2),
            Size.STANDARD: ((100,), 9),
            Size.THOROUGH: ((10, 100, 300), 20),
        }[size]
        return [
            Case(
                "latency",
                {"n_tasks": n_tasks},
                seed,
                min_rounds=n_rounds,
                max_rounds=n_rounds,
                max_processes=1,
            )
            for n_tasks in sizes
        ]

    def environ(self, case: Case, subject: Subject, services: Mapping[str, str]) -> Mapping[str, str]:
        home = os.path.join(services[HOME], f"latency_{subject.name}")  # a DAG folder of its own
        return airflow_environ(home, metadata_db(services[DATABASE]).url(f"latency_{subject.name}"))

    def open(self, case: Case, subject: Subject, services: Mapping[str, str]) -> Session:
        return LatencySession(case, subject, services)


SUITE = LatencySuite()

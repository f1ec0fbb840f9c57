"""The executor of the suite `live`: every task succeeds after a given time, and executes nothing.

A task ends in one of two ways. `api`: through the execution API, as a worker ends it, in a thread of a small pool.
`database`: by one statement for all tasks that are due, on a connection of its own, which is so cheap that the
scheduler is measured and not the end of tasks.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from threading import Event, Lock, Thread, local
from typing import Any

from airflow.configuration import conf
from airflow.executors.base_executor import BaseExecutor

from .options import BY_API, COUNTS, ENDS, SECONDS

_THREADS = 16
_TICK_SECONDS = 0.002


class LiveExecutor(BaseExecutor):  # type: ignore[misc]  # types are checked without the host
    """Takes as many tasks as `[core] parallelism` allows, and writes its counts where the measuring process reads them.

    Its options are environment variables: `SECONDS` a task takes, `ENDS` (`api` or `database`), and `COUNTS`, the
    folder for a file of this process with the loops and queries so far.
    """

    is_local = True

    def start(self) -> None:
        seconds = float(os.environ[SECONDS])
        self._ended: list[tuple[Any, Exception | None]] = []
        way = _EndsByApi if os.environ[ENDS] == BY_API else _EndsByDatabase
        self._ends: _EndsByApi | _EndsByDatabase = way(seconds, self._ended.append)
        self._counts = _Counts(os.environ[COUNTS])

    def queue_workload(self, workload: Any, session: Any) -> None:
        self.queued_tasks[workload.ti.key] = workload

    def _process_workloads(self, workloads: Iterable[Any]) -> None:
        for workload in workloads:
            self.queued_tasks.pop(workload.ti.key, None)
            self.running.add(workload.ti.key)
            self._ends.begin(workload)

    def sync(self) -> None:
        self._ends.end_due()
        while self._ended:
            key, error = self._ended.pop()
            if error is not None:
                raise error
            self.success(key)
        self._counts.loop()

    def end(self) -> None:
        self._ends.close()

    def terminate(self) -> None:
        self.end()


class _EndsByDatabase:
    """One statement for all tasks that are due. A thread looks for them, unless they take no time at all."""

    def __init__(self, seconds: float, note: Callable[[Any], object]) -> None:
        from sqlalchemy import create_engine
        from sqlalchemy.pool import StaticPool

        self._seconds = seconds
        self._note = note
        self._engine = create_engine(
            conf.get("database", "sql_alchemy_conn"), poolclass=StaticPool, isolation_level="AUTOCOMMIT"
        )
        self._lock = Lock()
        self._running: list[tuple[float, datetime, Any]] = []
        self._over = Event()
        if seconds:
            Thread(target=self._look, daemon=True).start()

    def begin(self, workload: Any) -> None:
        with self._lock:
            self._running.append((time.monotonic() + self._seconds, _now(), workload))

    def end_due(self) -> None:
        if not self._seconds:
            self._end_due()

    def close(self) -> None:
        self._over.set()

    def _look(self) -> None:
        while not self._over.wait(_TICK_SECONDS):
            self._end_due()

    def _end_due(self) -> None:
        from airflow.models import TaskInstance
        from sqlalchemy import bindparam, update

        now = time.monotonic()
        with self._lock:
            due = [one for one in self._running if one[0] <= now]
            if not due:
                return
            self._running = [one for one in self._running if one[0] > now]
        table = TaskInstance.__table__
        statement = (
            update(table)
            .where(table.c.id.in_(bindparam("ids", expanding=True)))
            .values(state="success", start_date=bindparam("began_at"), end_date=bindparam("ended_at"))
        )
        given = {
            "ids": [workload.ti.id for *_, workload in due],
            "began_at": min(began_at for _, began_at, _ in due),
            "ended_at": _now(),
        }
        failed: Exception | None = None
        try:
            with self._engine.connect() as connection:
                connection.execute(statement, given)
        except Exception as error:  # the scheduler's thread raises it
            failed = error
        for *_, workload in due:
            self._note((workload.ti.key, failed))


class _EndsByApi:
    """The two calls of a worker: that a task instance runs, and that it has succeeded."""

    def __init__(self, seconds: float, note: Callable[[Any], object]) -> None:
        self._seconds = seconds
        self._note = note
        self._url = conf.get("core", "execution_api_server_url").rstrip("/")
        self._threads = ThreadPoolExecutor(_THREADS)
        self._own = local()

    def begin(self, workload: Any) -> None:
        self._threads.submit(self._execute, workload)

    def end_due(self) -> None:
        """Nothing: threads end the tasks."""

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _execute(self, workload: Any) -> None:
        begun = {
            "state": "running",
            "hostname": "bench",
            "unixname": "bench",
            "pid": os.getpid(),
            "start_date": _now().isoformat(),
        }
        try:
            token = self._patch(workload.ti.id, workload.token, "run", begun)
            time.sleep(self._seconds)
            ended = {
                "state": "success",
                "end_date": _now().isoformat(),
                "task_outlets": [],
                "outlet_events": [],
            }
            self._patch(workload.ti.id, token, "state", ended)
        except Exception as error:
            self._note((workload.ti.key, error))
        else:
            self._note((workload.ti.key, None))

    def _patch(self, ti_id: Any, token: str, what: str, body: dict[str, Any]) -> str:
        """The token for the next call: the one of a workload is good for the first only."""
        import httpx

        client = getattr(self._own, "client", None)
        if client is None:
            client = self._own.client = httpx.Client(timeout=60.0)
        headers = {"Authorization": f"Bearer {token}"}
        answer = client.patch(f"{self._url}/task-instances/{ti_id}/{what}", json=body, headers=headers)
        answer.raise_for_status()
        return str(answer.headers.get("Refreshed-API-Token", token))


class _Counts:
    """`LOOPS QUERIES` in a file of this process, written once in each loop."""

    def __init__(self, folder: str) -> None:
        from airflow import settings
        from sqlalchemy import event

        self._file = os.open(os.path.join(folder, str(os.getpid())), os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
        self._n_loops = 0
        self._n_queries = 0
        event.listen(settings.engine, "after_cursor_execute", self._query)

    def loop(self) -> None:
        self._n_loops += 1
        os.pwrite(self._file, b"%12d %12d" % (self._n_loops, self._n_queries), 0)

    def _query(self, *_: Any) -> None:
        self._n_queries += 1


def _now() -> datetime:
    return datetime.now(timezone.utc)

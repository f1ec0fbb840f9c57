"""DAGs and running runs in a metadata database, and schedulers that are forked to work on them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack, closing, suppress
from multiprocessing.connection import Connection, Listener
from pathlib import Path
from signal import SIGKILL
from types import TracebackType
from typing import TYPE_CHECKING, Any

from bench.airflow_home import airflow_home
from bench.case import Case
from bench.loop.metadata_db import metadata_db
from bench.loop.templates import ensure_templates, stock_environ, template
from tests.trouble.tiers import Tiers

if TYPE_CHECKING:
    from typing_extensions import Self

_CHECKOUT = Path(__file__).resolve().parents[2]
_NAME = "in_use"
_ANSWER_SECONDS = 300.0
_OPTIONS = {
    # No limit decides between tasks: which of them get the last places is the order of rows, which nobody promises.
    "AIRFLOW__CORE__PARALLELISM": "1000000",
    "AIRFLOW__SCHEDULER__MAX_TIS_PER_QUERY": "0",
    # All runs in every loop.
    "AIRFLOW__SCHEDULER__MAX_DAGRUNS_PER_LOOP_TO_SCHEDULE": "1000",
    # An edit is stored and seen at once.
    "AIRFLOW__CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "0",
    "AIRFLOW__CORE__MIN_SERIALIZED_DAG_FETCH_INTERVAL": "0",
}
_STATES = """
SELECT dag_id, run_id, task_id, map_index, state, try_number FROM task_instance ORDER BY 1, 2, 3, 4
"""


class SchedulerHandle:
    """A forked scheduler. `ask` is one action of `scheduler_process`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.pid: int = self._receive()

    def ask(self, action: str, **arguments: Any) -> Any:
        self._connection.send((action, arguments))
        return self._receive()

    def _receive(self) -> Any:
        if not self._connection.poll(_ANSWER_SECONDS):
            raise TimeoutError(f"a scheduler did not answer within {_ANSWER_SECONDS:.0f} s")
        return self._connection.recv()

    def kill(self) -> None:
        self._connection.close()
        with suppress(ProcessLookupError):
            os.kill(self.pid, SIGKILL)


class Cluster:
    """`n_dags` DAGs of `n_tasks` tasks, each with a run in the middle of its work."""

    def __init__(self, tiers: Tiers, n_dags: int, n_tasks: int) -> None:
        self.tiers = tiers
        self.n_dags = n_dags
        self._stack = ExitStack()
        self._parameters = {
            "shape": "layers",
            "n_dags": n_dags,
            "n_tasks": n_tasks,
            "finished_percent": 50,
        }
        self._schedulers: list[SchedulerHandle] = []

    def __enter__(self) -> Self:
        home = self._stack.enter_context(airflow_home())
        services = {"home": home, "database": self.tiers.server_url}
        case = Case("loop", self._parameters, 0)
        ensure_templates(case, services)
        metadata_db(services["database"]).copy(template(case, "steady"), _NAME)
        folder = self._stack.enter_context(tempfile.TemporaryDirectory())
        self._address = f"{folder}/schedulers"
        self._listener = self._stack.enter_context(Listener(self._address, "AF_UNIX", backlog=8))
        self._zygote = subprocess.Popen(
            [sys.executable, "-m", "tests.trouble.zygote"],
            cwd=_CHECKOUT,
            env={
                **os.environ,
                **stock_environ(home, self.tiers.server.url(_NAME)),
                **_OPTIONS,
                "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
                "SCHED_CACHE_TROUBLE_CASE": json.dumps(self._parameters),
                "PYTHONPATH": f"{_CHECKOUT}:{_CHECKOUT / 'adapters'}",
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._stack.callback(self._end)
        assert self._zygote.stdout is not None
        for line in self._zygote.stdout:
            if line == '"ready"\n':
                return self
        raise AssertionError("the zygote ended by itself")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def fork(self, environ: Mapping[str, str]) -> SchedulerHandle:
        """A process that has Airflow and nothing else yet."""
        assert self._zygote.stdin is not None
        self._zygote.stdin.write(json.dumps({"address": self._address, "environ": dict(environ)}) + "\n")
        self._zygote.stdin.flush()
        handle = SchedulerHandle(self._listener.accept())
        self._schedulers.append(handle)
        return handle

    def states(self) -> list[Any]:
        """Every task instance with its state."""
        from psycopg2 import connect

        url = self.tiers.server.url(_NAME).replace("+psycopg2", "")
        with closing(connect(url)) as connection, connection.cursor() as cursor:
            cursor.execute(_STATES)
            rows: list[Any] = cursor.fetchall()
        return rows

    def _end(self) -> None:
        for scheduler in self._schedulers:
            scheduler.kill()
        self._zygote.kill()
        self._zygote.communicate()

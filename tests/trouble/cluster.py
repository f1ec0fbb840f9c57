"""DAGs and running runs in a metadata database, and schedulers that are forked to work on them."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from multiprocessing.connection import Connection, Listener
from signal import SIGKILL
from types import TracebackType
from typing import TYPE_CHECKING, Any

from bench.case import Case
from tests.hosts.prepared import prepared
from tests.hosts.rows import rows
from tests.hosts.tiers import Tiers
from tests.support.module_process import ModuleProcess

if TYPE_CHECKING:
    from typing_extensions import Self

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
    "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
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
        case = Case("loop", self._parameters, 0)
        airflow = prepared(self.tiers.server_url, "in_use", options=_OPTIONS, case=case)
        self._airflow = self._stack.enter_context(airflow)
        folder = self._stack.enter_context(tempfile.TemporaryDirectory())
        self._address = f"{folder}/schedulers"
        self._listener = self._stack.enter_context(Listener(self._address, "AF_UNIX", backlog=8))
        environ = {**self._airflow.environ, "SCHED_CACHE_TROUBLE_CASE": json.dumps(self._parameters)}
        self._zygote = self._stack.enter_context(ModuleProcess("tests.trouble.zygote", environ=environ))
        self._stack.callback(self._kill_schedulers)
        assert self._zygote.answer() == "ready"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def fork(self, environ: Mapping[str, str]) -> SchedulerHandle:
        """A process that has Airflow and nothing else yet."""
        self._zygote.send({"address": self._address, "environ": dict(environ)})
        handle = SchedulerHandle(self._listener.accept())
        self._schedulers.append(handle)
        return handle

    def states(self) -> list[Any]:
        """Every task instance with its state."""
        return rows(self._airflow.database_url, _STATES)

    def _kill_schedulers(self) -> None:
        for scheduler in self._schedulers:
            scheduler.kill()

"""The processes of an Airflow of either host on a database of its own, each started, told to end, and timed."""

from __future__ import annotations

import itertools
import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path

from bench.loop.host import host
from tests.hosts.airflow_main import LOOP_ENDED
from tests.hosts.components import HEALTH, SERVERS, answers, command
from tests.hosts.prepared import Prepared
from tests.hosts.processes import AirflowProcess
from tests.hosts.rows import value
from tests.support.servers.process import free_port

_START_SECONDS, _END_SECONDS = 120.0, 60.0
_JOB_TYPES = {"scheduler": "SchedulerJob", "dag-processor": "DagProcessorJob", "triggerer": "TriggererJob"}
_DAG = """\
import datetime

from airflow{sdk} import DAG
from airflow{providers}.operators.empty import EmptyOperator

with DAG("{dag_id}", schedule=datetime.timedelta(seconds=2), start_date=datetime.datetime(2026, 1, 1), catchup=False):
    for task_id in {task_ids!r}:
        EmptyOperator(task_id=task_id)
"""


def server() -> str:
    """The component that serves requests: `api-server` or `webserver`."""
    return SERVERS[host()]


class TimedInstallation:
    """Processes by component.

    Args:
        options: more variables than `airflow` has: the plugin and its tiers.
        logs: the folder of the logs of all installations.
    """

    def __init__(self, name: str, airflow: Prepared, options: Mapping[str, str], logs: Path) -> None:
        self.name = name
        self.environ = {**os.environ, **airflow.environ, **options}
        self._dags = airflow.home / "dags"
        self._database_url = airflow.database_url
        self._logs = logs
        self._port = free_port()
        self._processes: dict[str, AirflowProcess] = {}
        self._generations = itertools.count()

    def edit(self, n_files: int = 1) -> None:
        """Every file has a DAG with another task than before."""
        is_2 = host() == "airflow2"
        generation = next(self._generations)
        self._dags.mkdir(exist_ok=True)
        for number in range(n_files):
            source = _DAG.format(
                sdk="" if is_2 else ".sdk",
                providers="" if is_2 else ".providers.standard",
                dag_id=f"edited_{number}",
                task_ids=["stays", f"only_{generation}"],
            )
            unfinished = self._dags / f"edited_{number}.unfinished"
            unfinished.write_text(source)
            unfinished.replace(self._dags / f"edited_{number}.py")

    def start(self, component: str, *arguments: str) -> None:
        """In a process group and with a log of its own; returns at once."""
        log = self._log(component)
        log.unlink(missing_ok=True)
        all_arguments = (*command(component, port=self._port), *arguments)
        process = AirflowProcess(
            component, all_arguments, log, self.environ, module="tests.hosts.airflow_main"
        )
        self._processes[component] = process
        process.start()

    def wait_until_up(self, component: str) -> None:
        """Until it works: its job is running, or it answers a request.

        Raises:
            AssertionError: it ended, or did not come up; with the end of its log.
        """
        end = time.monotonic() + _START_SECONDS
        while not self._is_up(component):
            if not self._processes[component].is_running or time.monotonic() > end:
                raise AssertionError(f"{component} of {self.name} is not up:\n{self.log(component)[-3000:]}")
            time.sleep(0.2)

    def end(self, component: str, number: signal.Signals = signal.SIGTERM) -> float:
        """Seconds from the signal to its end. `_END_SECONDS` for one that has to be killed."""
        process = self._processes[component]
        assert process.is_running, f"{component} of {self.name} has ended:\n{self.log(component)[-3000:]}"
        return process.end(number, _END_SECONDS)

    def end_of_runs(self, component: str = "scheduler") -> float:
        """Seconds from the last loop of a process that was started with `--num-runs` to its end."""
        ended = self._processes[component].wait(_START_SECONDS)
        for line in self.log(component).splitlines():
            if line.startswith(LOOP_ENDED):
                return ended - float(line.removeprefix(LOOP_ENDED))
        raise AssertionError(f"{component} of {self.name} did no loop:\n{self.log(component)[-3000:]}")

    def run(self, component: str, *arguments: str) -> float:
        """Seconds that a command takes which ends by itself."""
        started = time.monotonic()
        self.start(component, *arguments)
        return self._processes[component].wait(_START_SECONDS) - started

    def log(self, component: str) -> str:
        return self._log(component).read_text(errors="replace")

    def close(self) -> None:
        """Kills what is left of all of them."""
        for process in self._processes.values():
            process.kill()

    def _log(self, component: str) -> Path:
        return self._logs / f"{self.name}-{component}.log"

    def _is_up(self, component: str) -> bool:
        if component == server():
            return answers(f"http://127.0.0.1:{self._port}{HEALTH[component]}")
        query = "SELECT count(*) FROM job WHERE job_type = %s AND state = 'running'"
        return bool(value(self._database_url, query, [_JOB_TYPES[component]]))

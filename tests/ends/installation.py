"""The processes of an Airflow of either host on a database of its own, each started, told to end, and timed."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO

from bench.loop.host import host
from tests.ends.airflow_main import LOOP_ENDED
from tests.support.servers.process import free_port

CHECKOUT = Path(__file__).resolve().parents[2]
START_SECONDS, END_SECONDS = 120.0, 60.0

_SERVERS = {
    "airflow3": ("api-server", "--host", "127.0.0.1", "--workers", "1"),
    "airflow2": ("webserver", "--hostname", "127.0.0.1", "--workers", "1"),
}
_HEALTH = {"airflow3": "/api/v2/version", "airflow2": "/health"}
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
    """The component that serves people: `api-server` or `webserver`."""
    return _SERVERS[host()][0]


class Installation:
    """Processes by component. `environ` says which Airflow: stock's, or one with the plugin and its tiers."""

    def __init__(self, name: str, home: Path, environ: Mapping[str, str], logs: Path) -> None:
        self.name = name
        self.dags = home / "dags"
        self._environ = {**os.environ, **environ}
        self._url = self._environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].replace("+psycopg2", "")
        self._logs = logs
        self._port = free_port()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._outputs: list[IO[bytes]] = []
        self._generations = itertools.count()

    def edit(self, n_files: int = 1) -> None:
        """Every file has a DAG with another task than before."""
        is_2 = host() == "airflow2"
        generation = next(self._generations)
        self.dags.mkdir(exist_ok=True)
        for number in range(n_files):
            source = _DAG.format(
                sdk="" if is_2 else ".sdk",
                providers="" if is_2 else ".providers.standard",
                dag_id=f"edited_{number}",
                task_ids=["stays", f"only_{generation}"],
            )
            unfinished = self.dags / f"edited_{number}.unfinished"
            unfinished.write_text(source)
            unfinished.replace(self.dags / f"edited_{number}.py")

    def start(self, component: str, *arguments: str) -> None:
        """In a process group of its own; returns at once."""
        command = [component, *arguments]
        if component == server():
            command = [*_SERVERS[host()], "--port", str(self._port)]
        elif component in ("scheduler", "triggerer"):
            command.append("--skip-serve-logs")
        output = (self._logs / f"{self.name}-{component}.log").open("wb")
        self._outputs.append(output)
        self._processes[component] = subprocess.Popen(
            [sys.executable, "-m", "tests.ends.airflow_main", *command],
            env=self._environ,
            cwd=CHECKOUT,
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )

    def wait_until_up(self, component: str) -> None:
        """Until it works: its job is running, or it answers a request.

        Raises:
            AssertionError: it ended, or did not come up; with the end of its log.
        """
        end = time.monotonic() + START_SECONDS
        while not (self._answers() if component == server() else self._has_job(component)):
            if self._processes[component].poll() is not None or time.monotonic() > end:
                raise AssertionError(f"{component} of {self.name} is not up:\n{self.log(component)[-3000:]}")
            time.sleep(0.2)

    def end(self, component: str, number: signal.Signals = signal.SIGTERM) -> float:
        """Seconds from the signal to its end. `END_SECONDS` for one that has to be killed."""
        process = self._processes[component]
        assert process.poll() is None, f"{component} of {self.name} has ended:\n{self.log(component)[-3000:]}"
        started = time.monotonic()
        process.send_signal(number)
        return self._wait(process, started)

    def end_of_runs(self, component: str = "scheduler") -> float:
        """Seconds from the last loop of a process that was started with `--num-runs` to its end."""
        process = self._processes[component]
        with suppress(subprocess.TimeoutExpired):
            process.wait(START_SECONDS)
        ended = time.monotonic()
        self._kill(process)
        for line in self.log(component).splitlines():
            if line.startswith(LOOP_ENDED):
                return ended - float(line.removeprefix(LOOP_ENDED))
        raise AssertionError(f"{component} of {self.name} did no loop:\n{self.log(component)[-3000:]}")

    def run(self, component: str, *arguments: str) -> float:
        """Seconds that a command takes which ends by itself."""
        started = time.monotonic()
        self.start(component, *arguments)
        return self._wait(self._processes[component], started, START_SECONDS)

    def log(self, component: str) -> str:
        return (self._logs / f"{self.name}-{component}.log").read_text(errors="replace")

    def close(self) -> None:
        """Kills what is left of all of them."""
        for process in self._processes.values():
            self._kill(process)
        for output in self._outputs:
            output.close()

    def _wait(
        self, process: subprocess.Popen[bytes], started: float, timeout_seconds: float = END_SECONDS
    ) -> float:
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout_seconds)
        seconds = time.monotonic() - started
        self._kill(process)
        return seconds

    @staticmethod
    def _kill(process: subprocess.Popen[bytes]) -> None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def _has_job(self, component: str) -> bool:
        from contextlib import closing

        from psycopg2 import connect

        query = "SELECT count(*) FROM job WHERE job_type = %s AND state = 'running'"
        with closing(connect(self._url)) as connection, connection.cursor() as cursor:
            cursor.execute(query, [_JOB_TYPES[component]])
            (count,) = cursor.fetchone()
        return bool(count)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}{_HEALTH[host()]}", timeout=2):
                return True
        except (urllib.error.URLError, OSError):
            return False

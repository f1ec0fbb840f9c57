"""Processes of schedulers and of the API server that their tasks need, and the processor time that they take."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from ..interpreter import PACKAGE
from ..leash import let_go, start_on_leash
from ..servers import free_port
from .options import COUNTS

_EXECUTOR = f"{PACKAGE}.live.executor.LiveExecutor"
_START_SECONDS = 90.0


class Command:
    """`airflow ARGUMENTS`, which ends with this process at the latest."""

    def __init__(self, arguments: list[str], environ: Mapping[str, str]) -> None:
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115  # closed by stop
        self._process = start_on_leash(
            [sys.executable, "-m", "airflow", *arguments],
            ending_signal=signal.SIGTERM,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            env=dict(environ),
        )
        self._name = " ".join(arguments)

    def check(self) -> None:
        """Raises RuntimeError with the end of its log if it has ended by itself."""
        if self._process.poll() is not None:
            self._log.seek(0)
            raise RuntimeError(f"airflow {self._name} ended by itself:\n{self._log.read()[-3000:]}")

    def processor_seconds(self) -> float:
        """Of the command and every process that it has started and that still runs, or that it has waited for."""
        import psutil

        total = 0.0
        for process in psutil.Process(self._process.pid).children(recursive=True):
            try:
                times = process.cpu_times()
            except psutil.NoSuchProcess:
                continue
            total += times.user + times.system + times.children_user + times.children_system
        return total

    def stop(self) -> None:
        let_go(self._process)
        self._log.close()


class Cluster:
    """`n_schedulers` of one subject on its metadata database, and an API server if tasks end through it."""

    def __init__(self, options: Mapping[str, str], *, has_api: bool) -> None:
        self.counts = tempfile.TemporaryDirectory(prefix="bench-live-")
        self._schedulers: list[Command] = []
        self._port = free_port()
        self._environ = {
            **os.environ,
            **options,
            "AIRFLOW__CORE__EXECUTOR": _EXECUTOR,
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{self._port}/execution/",
            "AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK": "False",
            COUNTS: self.counts.name,
        }
        self._api = self._started_api() if has_api else None

    def start(self, n_schedulers: int) -> None:
        for file in Path(self.counts.name).iterdir():
            file.unlink()
        self._schedulers = [Command(["scheduler"], self._environ) for _ in range(n_schedulers)]

    def check(self) -> None:
        """Raises RuntimeError if a process has ended by itself."""
        for command in self._commands():
            command.check()

    def processor_seconds(self) -> float:
        """Of the schedulers."""
        return sum(one.processor_seconds() for one in self._schedulers)

    def loops_and_queries(self) -> tuple[int, int]:
        """Of all schedulers since their start."""
        n_loops = n_queries = 0
        for file in Path(self.counts.name).iterdir():
            found = file.read_text().split()
            if found:
                n_loops, n_queries = n_loops + int(found[0]), n_queries + int(found[1])
        return n_loops, n_queries

    def stop_schedulers(self) -> None:
        for one in self._schedulers:
            one.stop()
        self._schedulers = []

    def _commands(self) -> list[Command]:
        return [*self._schedulers, *([self._api] if self._api else [])]

    def _started_api(self) -> Command:
        api = Command(["api-server", "--apps", "execution", "--port", str(self._port)], self._environ)
        until = time.monotonic() + _START_SECONDS
        while not self._answers():
            api.check()
            if time.monotonic() > until:
                raise TimeoutError(f"the API server did not start within {_START_SECONDS:.0f} s")
            time.sleep(0.2)
        return api

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{self._port}/execution/health", timeout=2
            ) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def __enter__(self) -> Cluster:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        for one in self._commands():
            one.stop()
        self.counts.cleanup()


def processor_seconds_of_server(connection: Any) -> float:
    """Of a PostgreSQL server on this machine, its ended processes included; 0 for another database."""
    import psutil
    from sqlalchemy import text

    if connection.dialect.name != "postgresql":
        return 0.0
    backend = int(connection.execute(text("SELECT pg_backend_pid()")).scalar())
    server = psutil.Process(backend).parent()
    ended = server.cpu_times()
    total = float(ended.user + ended.system + ended.children_user + ended.children_system)
    for process in server.children():
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total

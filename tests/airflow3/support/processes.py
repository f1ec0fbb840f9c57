"""Airflow's own commands as processes of one installation, each with a log file."""

from __future__ import annotations

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

_STOP_SECONDS = 15.0


class AirflowProcess:
    """One ``airflow`` command in a process group of its own, its output in ``log``."""

    def __init__(
        self, name: str, arguments: tuple[str, ...], log: Path, environment: Mapping[str, str]
    ) -> None:
        self.name = name
        self.log = log
        self._arguments = arguments
        self._environment = dict(environment)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the command; appends to the log of an earlier start."""
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "airflow", *self._arguments],
                env=self._environment,
                # Not the checkout: with `-m` the directory of a process is on its path.
                cwd=self.log.parent,
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def log_end(self, n_characters: int = 6000) -> str:
        """The last things it wrote; empty if it was never started."""
        return self.log.read_text(errors="replace")[-n_characters:] if self.log.exists() else ""

    def kill(self) -> None:
        """End the command and everything it started at once, as a power cut does."""
        if self._process is None:
            return
        # Its group: it began with this process and holds nothing but its children.
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        """Ask the command to end, and kill what is left of it."""
        if self.is_running:
            assert self._process is not None
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_STOP_SECONDS)
        self.kill()


class Processes:
    """The five kinds of Airflow processes: an API server, a DAG processor, a triggerer and the schedulers.

    They share one environment, so one execution API URL and one JWT secret.
    """

    def __init__(
        self, environment: Mapping[str, str], logs: Path, *, api_port: int, n_schedulers: int = 2
    ) -> None:
        logs.mkdir(parents=True, exist_ok=True)
        commands: dict[str, tuple[str, ...]] = {
            "api-server": ("api-server", "--host", "127.0.0.1", "--port", str(api_port), "--workers", "1"),
            "dag-processor": ("dag-processor",),
            "triggerer": ("triggerer", "--skip-serve-logs"),
        }
        for number in range(1, n_schedulers + 1):
            # Its log server has one fixed port, which two schedulers of a machine cannot share.
            commands[f"scheduler-{number}"] = ("scheduler", "--skip-serve-logs")
        self.all = {
            name: AirflowProcess(name, arguments, logs / f"{name}.log", environment)
            for name, arguments in commands.items()
        }
        self._api_url = f"http://127.0.0.1:{api_port}"

    def start(self, *, timeout_seconds: float = 90.0) -> None:
        """Start them all and return when the API server answers; about 10 s."""
        for process in self.all.values():
            process.start()
        end = time.monotonic() + timeout_seconds
        while not self._api_answers():
            self.assert_running()
            if time.monotonic() > end:
                raise TimeoutError(f"no answer from {self._api_url}")
            time.sleep(0.2)

    def stop(self) -> None:
        """Stop them all, schedulers first, so that nothing new is started meanwhile."""
        for name in sorted(self.all, key=lambda name: not name.startswith("scheduler")):
            self.all[name].stop()

    def assert_running(self) -> None:
        """Raise AssertionError with the end of the log if a process has ended by itself."""
        for process in self.all.values():
            if not process.is_running:
                raise AssertionError(f"{process.name} ended:\n{process.log_end()}")

    def _api_answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self._api_url}/api/v2/version", timeout=2):
                return True
        except (urllib.error.URLError, OSError):
            return False

"""Commands of Airflow as processes of one installation, each with a log file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
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

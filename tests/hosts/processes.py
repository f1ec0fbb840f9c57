"""Commands of Airflow as processes of one installation, each with a log file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

_STOP_SECONDS = 15.0


class AirflowProcess:
    """One ``airflow`` command in a process group of its own, its output in ``log``.

    Args:
        module: the module to run instead of ``airflow``.
        python: the interpreter of another environment than this one.
    """

    def __init__(
        self,
        name: str,
        arguments: tuple[str, ...],
        log: Path,
        environment: Mapping[str, str],
        *,
        module: str = "airflow",
        python: str | Path = sys.executable,
    ) -> None:
        self.name = name
        self.log = log
        self._command = [str(python), "-m", module, *arguments]
        self._environment = dict(environment)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the command; appends to the log of an earlier start."""
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command,
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
            self.end(signal.SIGTERM, _STOP_SECONDS)
        else:
            self.kill()

    def end(self, number: signal.Signals, timeout_seconds: float) -> float:
        """Seconds from this signal to the end of the command; as ``wait``."""
        assert self._process is not None
        started = time.monotonic()
        self._process.send_signal(number)
        return self.wait(timeout_seconds) - started

    def wait(self, timeout_seconds: float) -> float:
        """The time (`time.monotonic`) of the command's end. What is left then, or after the time-out, is killed."""
        assert self._process is not None
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout_seconds)
        ended = time.monotonic()
        self.kill()
        return ended

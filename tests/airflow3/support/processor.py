"""A DAG processor on another node: ``processor_main`` in a process, told what to do and when."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.airflow3.support.content import DagContent
from tests.hosts.home import option
from tests.hosts.subject import OFF

_MAIN = Path(__file__).with_name("processor_main.py")


class DagProcessor:
    """Parses DAG files in a process of its own, with the host's own code and no plugin.

    A call returns when the other process has committed: so a test decides in which order transactions happen.
    The write throttle there (``[core] min_serialized_dag_update_interval``) is off: a test does not wait 30 s
    between two edits. The throttle of the process under test is untouched.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        # Isolated: nothing of the checkout on its path, so none of our entry points. Without bytecode: two
        # edits of one second and one size would share it.
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-B", str(_MAIN)],
            env={**environment, **OFF, option("core", "min_serialized_dag_update_interval"): "0"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def publish(self, content: DagContent) -> None:
        """Save the file, parse it and commit. Raises AssertionError if the file has an import error."""
        path = content.save(self._folder)
        self._command(action="publish", file=str(path), folder=str(self._folder))

    def forget_connections(self) -> None:
        """Close the process's database connections, so that the database can be replaced."""
        self._command(action="dispose")

    def stop(self) -> None:
        """End the process and wait for it."""
        self._process.communicate(timeout=120)

    def _command(self, **command: str) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, f"the processor ended while it worked on {command}"
        error = json.loads(answer)["error"]
        assert error is None, error

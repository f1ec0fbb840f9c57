"""Processes of an Airflow of one release, with one build of the plugin or none."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.hosts.components import command
from tests.hosts.processes import AirflowProcess
from tests.hosts.subject import OFF, ON
from tools.environments import ENVIRONMENTS

_WELL_SECONDS = 180.0
_CREATE_RUNS_2 = """
import sys
from airflow.api.common.trigger_dag import trigger_dag
for name in sys.argv[1:]:
    dag_id, run_id = name.split("/")
    trigger_dag(dag_id=dag_id, run_id=run_id, replace_microseconds=False)
"""
_CREATE_RUNS_3 = """
import sys
from airflow.api.common.trigger_dag import trigger_dag
from airflow.utils.types import DagRunTriggeredByType
for name in sys.argv[1:]:
    dag_id, run_id = name.split("/")
    trigger_dag(dag_id=dag_id, triggered_by=DagRunTriggeredByType.CLI, run_id=run_id, replace_microseconds=False)
"""


@dataclass(frozen=True, slots=True)
class Node:
    """A release of Airflow in its environment of `tools environment`.

    Attributes:
        version: of Airflow, e.g. ``3.1.8``.
        plugin: the folder that a build of the plugin was installed into; None: the plugin is off.
    """

    version: str
    plugin: Path | None = field(default=None)

    @property
    def is_airflow_2(self) -> bool:
        return self.version.startswith("2.")

    @property
    def folder(self) -> Path:
        """The folder of its commands."""
        return ENVIRONMENTS[f"airflow-{self.version}"].executable("python").parent

    @property
    def python(self) -> Path:
        return self.folder / "python"

    def environment(self, shared: Mapping[str, str]) -> dict[str, str]:
        """The variables of its processes. shared: those of all nodes of the installation."""
        chosen = OFF if self.plugin is None else {**ON, "PYTHONPATH": str(self.plugin)}
        return {**shared, **chosen, "PYTHONWARNINGS": "ignore"}

    def process(
        self, name: str, component: str, shared: Mapping[str, str], logs: Path, *, port: int = 0
    ) -> AirflowProcess:
        """One component, not started."""
        environment = self.environment(shared)
        arguments = command(component, port=port)
        return AirflowProcess(name, arguments, logs / f"{name}.log", environment, python=self.python)

    def create_runs(self, runs: list[str], shared: Mapping[str, str]) -> None:
        """Creates runs, each named ``dag_id/run_id``, by the host's own function in one process."""
        code = _CREATE_RUNS_2 if self.is_airflow_2 else _CREATE_RUNS_3
        self._run([str(self.python), "-c", code, *runs], shared)

    def doctor(self, shared: Mapping[str, str]) -> None:
        """Waits until `sched-cache doctor` finds everything well: on a busy machine, a process may do without Redis.

        Raises:
            AssertionError: its last output.
        """
        end = time.monotonic() + _WELL_SECONDS
        while True:
            try:
                self.sched_cache(["doctor"], shared)
            except AssertionError:
                if time.monotonic() > end:
                    raise
                time.sleep(5.0)
            else:
                return

    def sched_cache(self, arguments: list[str], shared: Mapping[str, str]) -> str:
        """The output of a command of `sched-cache`, which must succeed."""
        code = "import sys; from sched_cache.cli import main; sys.exit(main())"
        return self._run([str(self.python), "-c", code, *arguments], shared)

    def _run(self, arguments: list[str], shared: Mapping[str, str]) -> str:
        done = subprocess.run(
            arguments,
            env=self.environment(shared),
            cwd=shared["AIRFLOW_HOME"],
            capture_output=True,
            text=True,
            timeout=900,
        )
        assert done.returncode == 0, (
            f"{arguments[3:]} on {self.version}:\n{done.stdout[-6000:]}{done.stderr[-3000:]}"
        )
        return done.stdout

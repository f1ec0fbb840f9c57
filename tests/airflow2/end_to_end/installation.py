"""A complete Airflow 2 for one test: its own database, home and processes, and the DAGs of both hosts."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.hosts.components import command
from tests.hosts.end_to_end.installation import started, wait_until
from tests.hosts.end_to_end.run import DAGS
from tests.hosts.home import AirflowHome
from tests.hosts.metadata_db import MariadbMetadataDb, MetadataDb, PostgresMetadataDb
from tests.hosts.processes import AirflowProcess
from tests.hosts.subject import Subject

FOLDER = Path(__file__).parent
DATABASES: dict[str, Callable[[], MetadataDb]] = {
    "postgresql": PostgresMetadataDb,
    "mariadb": MariadbMetadataDb,
}
_OPTIONS = {
    "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
    "AIRFLOW__CORE__PARALLELISM": "6",
    "AIRFLOW__METRICS__TIMER_UNIT_CONSISTENCY": "True",
    "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
    "AIRFLOW__SCHEDULER__STANDALONE_DAG_PROCESSOR": "True",
    "AIRFLOW__SCHEDULER__MIN_FILE_PROCESS_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__CATCHUP_BY_DEFAULT": "False",
}
_COMMANDS = {
    "dag-processor": command("dag-processor"),
    "triggerer": command("triggerer"),
    "scheduler-1": command("scheduler"),
    "scheduler-2": command("scheduler"),
}
# The host locks no rows there, so that two schedulers create the same run, and one of them ends.
_LEFT_OUT = {"mariadb": ("scheduler-2",)}
# The old names of what moved out of the host's core.
_MOVED = (
    (r"airflow\.providers\.standard\.", "airflow."),
    (r"airflow\.sdk\.exceptions", "airflow.exceptions"),
    (r"airflow\.sdk\b", "sdk_of_airflow_2"),
)
# Through the host's own function: a command for each run would take seconds each.
_TRIGGER = """
import sys
from airflow.api.common.trigger_dag import trigger_dag
for name in sys.argv[1:]:
    dag_id, run_id = name.split("/")
    trigger_dag(dag_id=dag_id, run_id=run_id, replace_microseconds=False)
"""


@dataclass(frozen=True, slots=True)
class Installation:
    """A running Airflow: two schedulers, on MariaDB one, a DAG processor and a triggerer.

    Attributes:
        environment: what every one of its processes was started with.
        running: its processes by name.
    """

    home: AirflowHome
    environment: Mapping[str, str]
    database_url: str
    running: Mapping[str, AirflowProcess]

    def wait_until(self, holds: Callable[[], bool], *, what: str, timeout_seconds: float) -> None:
        """`wait_until` with its processes."""
        wait_until(self.running, holds, what=what, timeout_seconds=timeout_seconds)

    def trigger(self, runs: Sequence[str]) -> None:
        """Create runs, each named ``dag_id/run_id``, in one process."""
        command = [sys.executable, "-c", _TRIGGER, *runs]
        done = subprocess.run(
            command,
            env=dict(self.environment),
            cwd=self.home.path,
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == 0, done.stderr


@contextlib.contextmanager
def installation(
    subject: Subject, *, database: str = "postgresql", options: Mapping[str, str] | None = None
) -> Iterator[Installation]:
    """An installation with the DAGs, gone without a trace when the block ends.

    Args:
        options: more environment variables, e.g. options of Airflow or of the plugin.
    """
    with contextlib.ExitStack() as stack:
        metadata_db = DATABASES[database]()
        stack.callback(metadata_db.stop)
        home = AirflowHome(metadata_db.url, options={**_OPTIONS, **(options or {})})
        stack.callback(home.remove)
        _copy_dags(home)
        environment = {**os.environ, **home.environment, **subject.environment(), "PYTHONWARNINGS": "ignore"}
        metadata_db.start(environment)
        logs = home.path / "output"
        logs.mkdir()
        processes = {
            name: AirflowProcess(name, command, logs / f"{name}.log", environment)
            for name, command in _COMMANDS.items()
            if name not in _LEFT_OUT.get(database, ())
        }
        with started(processes):
            yield Installation(home, environment, metadata_db.url, processes)


def _copy_dags(home: AirflowHome) -> None:
    for path in DAGS.glob("*.py"):
        text = path.read_text()
        for old, new in _MOVED:
            text = re.sub(old, new, text)
        (home.dags / path.name).write_text(text)
    shutil.copy(FOLDER / "sdk_of_airflow_2.py", home.plugins)

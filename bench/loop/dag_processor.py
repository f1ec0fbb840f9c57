"""The host's DAG processor on the folder of a subject, and the file that is edited there."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from ..leash import let_go, start_on_leash

DAG_ID = "edited"

# The parse interval is an option of Airflow (30 s by default). It is the same for every subject, and short, so that it
# does not hide the rest.
_OPTIONS = {
    "AIRFLOW__CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "1",
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "1",
    "AIRFLOW__DAG_PROCESSOR__BUNDLE_REFRESH_CHECK_INTERVAL": "1",
}
_FILE = """\
import datetime

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

with DAG("{dag_id}", schedule="@once", start_date=datetime.datetime(2024, 1, 1), max_active_tasks=10_000):
    for task_id in {task_ids!r}:
        BashOperator(task_id=task_id, bash_command="true")
"""


class DagProcessor:
    """`airflow dag-processor`, running until it is stopped."""

    def __init__(self, home: str) -> None:
        self._file = Path(home, "dags", "edited.py")
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115  # closed by stop
        self._process: subprocess.Popen[str] | None = None

    def save(self, task_ids: list[str]) -> None:
        """Replaces the file in one step, as editors and deployments do."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        written = self._file.with_suffix(".new")
        written.write_text(_FILE.format(dag_id=DAG_ID, task_ids=task_ids))
        os.replace(written, self._file)

    def start(self) -> None:
        self._process = start_on_leash(
            [sys.executable, "-m", "airflow", "dag-processor"],
            patience_seconds=0.0,
            stdout=self._log,
            stderr=self._log,
            env={**os.environ, **_OPTIONS},
        )

    def check(self) -> None:
        """Raises RuntimeError with the end of its log if it has ended by itself."""
        assert self._process is not None
        if self._process.poll() is not None:
            self._log.seek(0)
            raise RuntimeError(f"the DAG processor ended by itself:\n{self._log.read()[-3000:]}")

    def stop(self) -> None:
        if self._process is not None:
            let_go(self._process)
        self._log.close()

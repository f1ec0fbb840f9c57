"""A DAG processor on another node: a process that parses one file and writes it as Airflow's processor does.

``DagProcessor`` is the test's end, ``python -m tests.airflow3.support.processor`` the other one. They exchange
one JSON line per command, so a test decides in which order transactions of the two processes happen.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from tests.airflow3.support.content import DagContent

CHECKOUT = Path(__file__).resolve().parents[3]
_BUNDLE = "dags-folder"


class DagProcessor:
    """Parses DAG files in a process of its own, with the host's own code and no plugin.

    Its write throttle (``[core] min_serialized_dag_update_interval``) is off: a test does not wait 30 s between
    two edits. The throttle of the process under test is untouched.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        variables = {
            **environment,
            "AIRFLOW__CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "0",
            "PYTHONPATH": str(CHECKOUT),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.airflow3.support.processor"],
            env=variables,
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
        self._process.communicate(timeout=20)

    def _command(self, **command: str) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, f"the processor ended while it worked on {command}"
        error = json.loads(answer)["error"]
        assert error is None, error


def publish(file: Path, folder: Path) -> None:
    """Parse ``file`` and write what it defines in one transaction, as ``DagFileProcessorManager`` does.

    Raises:
        ValueError: the file does not import; nothing was written.

    Source: airflow/dag_processing/processor.py ``_parse_file`` and manager.py ``persist_parsing_result``.
    """
    import structlog
    from airflow.dag_processing.collection import update_dag_parsing_results_in_db
    from airflow.dag_processing.processor import DagFileParseRequest, _parse_file
    from airflow.utils.session import create_session

    request = DagFileParseRequest(file=str(file), bundle_path=folder, bundle_name=_BUNDLE)
    result = _parse_file(request, structlog.get_logger("processor"))
    assert result is not None
    if result.import_errors:
        raise ValueError(str(result.import_errors))
    with create_session() as session:
        update_dag_parsing_results_in_db(
            bundle_name=_BUNDLE,
            bundle_version=None,
            dags=result.serialized_dags,
            import_errors={},
            parse_duration=0.0,
            warnings=set(),
            session=session,
            files_parsed={(_BUNDLE, file.name)},
        )


def _serve(commands: IO[str], answers: IO[str]) -> None:
    for line in commands:
        command: dict[str, Any] = json.loads(line)
        error = None
        try:
            if command["action"] == "publish":
                publish(Path(command["file"]), Path(command["folder"]))
            else:
                from airflow import settings

                settings.engine.dispose()
        except Exception as failure:  # the test's end must hear about every kind of failure
            error = f"{type(failure).__name__}: {failure}"
        answers.write(json.dumps({"error": error}) + "\n")
        answers.flush()


if __name__ == "__main__":
    # Airflow logs to standard output; the answers need a stream of their own.
    with os.fdopen(os.dup(1), "w") as _answers:
        os.dup2(2, 1)
        _serve(sys.stdin, _answers)

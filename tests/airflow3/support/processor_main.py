"""The other end of ``DagProcessor``: reads one JSON command per line, answers each with one line.

A script that imports nothing of the tests, so that it runs without the checkout on its path.
"""

from __future__ import annotations

import json
import os
import sys
from inspect import signature
from pathlib import Path
from typing import IO, Any

import structlog
from airflow import settings
from airflow.dag_processing.collection import update_dag_parsing_results_in_db
from airflow.dag_processing.processor import DagFileParseRequest, _parse_file
from airflow.utils.session import create_session

_BUNDLE = "dags-folder"
_TAKES_FILES = "files_parsed" in signature(update_dag_parsing_results_in_db).parameters  # since 3.1.6


def publish(file: Path, folder: Path, bundle_version: str | None = None) -> None:
    """Parse ``file`` and write what it defines in one transaction, as ``DagFileProcessorManager`` does.

    Raises:
        ValueError: the file does not import; nothing was written.

    Source: airflow/dag_processing/processor.py ``_parse_file``, manager.py ``persist_parsing_result``.
    """
    request = DagFileParseRequest(file=str(file), bundle_path=folder, bundle_name=_BUNDLE)
    result = _parse_file(request, structlog.get_logger("processor"))
    assert result is not None
    if result.import_errors:
        raise ValueError(str(result.import_errors))
    with create_session() as session:
        update_dag_parsing_results_in_db(
            bundle_name=_BUNDLE,
            bundle_version=bundle_version,
            dags=result.serialized_dags,
            import_errors={},
            parse_duration=0.0,
            warnings=set(),
            session=session,
            **({"files_parsed": {(_BUNDLE, file.name)}} if _TAKES_FILES else {}),
        )


def serve(commands: IO[str], answers: IO[str]) -> None:
    """Work until there are no more commands."""
    for line in commands:
        command: dict[str, Any] = json.loads(line)
        error = None
        try:
            if command["action"] == "publish":
                publish(Path(command["file"]), Path(command["folder"]))
            else:
                settings.engine.dispose()
        except Exception as failure:  # the test's end must hear about every kind of failure
            error = f"{type(failure).__name__}: {failure}"
        answers.write(json.dumps({"error": error}) + "\n")
        answers.flush()


if __name__ == "__main__":
    # Airflow logs to standard output; the answers need a stream of their own.
    with os.fdopen(os.dup(1), "w") as _answers:
        os.dup2(2, 1)
        serve(sys.stdin, _answers)

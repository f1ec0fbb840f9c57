"""Arguments that `update_dag_parsing_results_in_db` has in some releases only."""

from __future__ import annotations

from inspect import signature
from typing import Any

from airflow.dag_processing.collection import update_dag_parsing_results_in_db


def of_later_releases(bundle: str, file: str) -> dict[str, Any]:
    """Those that the installed release has, for one file of a bundle."""
    arguments: dict[str, Any] = {
        "files_parsed": {(bundle, file)},  # since 3.1.6
        "version_data": None,  # since 3.3
    }
    accepted = signature(update_dag_parsing_results_in_db).parameters
    return {name: value for name, value in arguments.items() if name in accepted}

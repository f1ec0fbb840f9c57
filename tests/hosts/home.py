"""A temporary AIRFLOW_HOME and the environment that points Airflow at it."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path


class AirflowHome:
    """A directory with a ``dags`` folder, and the ``AIRFLOW__*`` variables of a quiet installation in it.

    Airflow reads its environment when it is first imported, so ``environment`` has to be applied before that.

    Attributes:
        path: the AIRFLOW_HOME.
        dags: its DAG folder, empty.
        plugins: its plugin folder, empty.
        environment: variable name to value; add to it before a process starts.
    """

    def __init__(self, database_url: str, *, options: Mapping[str, str] | None = None) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="sched-cache-airflow-"))
        self.dags = self.path / "dags"
        self.dags.mkdir()
        self.plugins = self.path / "plugins"
        self.plugins.mkdir()
        self.environment = {
            "AIRFLOW_HOME": str(self.path),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database_url,
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.dags),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(self.plugins),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__FERNET_KEY": "",
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
            "AIRFLOW__API__SECRET_KEY": secrets.token_hex(16),
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(self.path / "logs"),
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "1",
            "SCARF_ANALYTICS": "false",
        }
        self.environment.update(options or {})

    def remove(self) -> None:
        """Delete the directory and everything in it."""
        shutil.rmtree(self.path, ignore_errors=True)


def option(section: str, name: str) -> str:
    """The environment variable of one Airflow option, e.g. ``AIRFLOW__CORE__PARALLELISM``."""
    return f"AIRFLOW__{section.upper()}__{name.upper()}"

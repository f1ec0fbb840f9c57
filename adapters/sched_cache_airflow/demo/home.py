"""A temporary Airflow on SQLite, and its commands."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

_TIMEOUT_SECONDS = 240


class DemoHome:
    """An AIRFLOW_HOME with a DAG folder. Its processes see no settings of another installation."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.dags = path / "dags"
        self.dags.mkdir()
        self.database = path / "airflow.db"
        self._environment = {
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith(("AIRFLOW", "SCHED_CACHE"))
            },
            "AIRFLOW_HOME": str(path),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self.database}",
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.dags),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__FERNET_KEY": "",
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            "SCARF_ANALYTICS": "false",
            "PYTHONWARNINGS": "ignore",
        }

    def environment(self, *, with_plugin: bool) -> Mapping[str, str]:
        """The variables of a process that has the plugin, or of one that has Airflow alone."""
        return {**self._environment, "AIRFLOW__SCHED_CACHE__ENABLED": str(with_plugin)}

    def run(
        self, *arguments: str, with_plugin: bool = False, options: Mapping[str, str] | None = None
    ) -> str:
        """The output of `python -m ...`. `options`: more variables.

        Raises:
            RuntimeError: it failed; the text ends with its last output.
        """
        done = subprocess.run(
            [sys.executable, "-m", *arguments],
            env={**self.environment(with_plugin=with_plugin), **(options or {})},
            cwd=self.path,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(arguments)} failed:\n{(done.stdout + done.stderr)[-3000:]}")
        return done.stdout

    def start(self, *arguments: str, with_plugin: bool) -> subprocess.Popen[str]:
        """Starts `python -m ...` in the background, with readable output."""
        return subprocess.Popen(
            [sys.executable, "-m", *arguments],
            env=self.environment(with_plugin=with_plugin),
            cwd=self.path,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )


@contextmanager
def demo_home() -> Iterator[DemoHome]:
    """A home that is removed at the end of the block."""
    with TemporaryDirectory(prefix="sched_cache_demo_", ignore_cleanup_errors=True) as folder:
        yield DemoHome(Path(folder))

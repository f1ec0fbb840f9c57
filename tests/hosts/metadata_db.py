"""The Airflow metadata database of a test session: migrated once, then copied back before each test."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from tests.support.servers import MariadbServer, PostgresServer


class MetadataDb(Protocol):
    """A database that can be put back into the state right after ``airflow db migrate``."""

    name: str

    @property
    def url(self) -> str:
        """The SQLAlchemy URL; known before ``start``."""

    def start(self, environment: Mapping[str, str]) -> None:
        """Create and migrate the template with the Airflow of this interpreter; about 4 s, once a session."""

    def restore(self) -> None:
        """Replace the database by a copy of the template; the caller has closed its own connections."""

    def stop(self) -> None:
        """Release everything; safe to call more than once."""


class PostgresMetadataDb:
    """On a private PostgreSQL server; a restore takes about 0.1 s."""

    name = "postgresql"

    def __init__(self) -> None:
        """Raises ServerMissingError where PostgreSQL is not installed."""
        self.server = PostgresServer()

    @property
    def url(self) -> str:
        return self.server.url("airflow")

    def start(self, environment: Mapping[str, str]) -> None:
        self.server.prepare()
        self.server.start()
        self.server.execute("CREATE DATABASE template_airflow")
        migrate({**environment, "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": self.server.url("template_airflow")})
        self.restore()

    def restore(self) -> None:
        self.server.execute("DROP DATABASE IF EXISTS airflow WITH (FORCE)")
        self.server.execute("CREATE DATABASE airflow TEMPLATE template_airflow STRATEGY FILE_COPY")

    def stop(self) -> None:
        self.server.close()


class MariadbMetadataDb:
    """On a private MariaDB server. A restore takes about a second."""

    name = "mariadb"

    def __init__(self) -> None:
        """Raises ServerMissingError where MariaDB is not installed."""
        self.server = MariadbServer()
        self._dump = self.server.folder / "airflow.sql"

    @property
    def url(self) -> str:
        return self.server.url("airflow")

    def start(self, environment: Mapping[str, str]) -> None:
        self.server.prepare()
        self.server.start()
        self._create()
        migrate({**environment, "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": self.url})

    def restore(self) -> None:
        if not self._dump.exists():
            self.server.dump("airflow", self._dump)
        self.server.execute("DROP DATABASE airflow")
        self._create()
        self.server.execute(f"source {self._dump}", "airflow")

    def _create(self) -> None:
        self.server.execute("CREATE DATABASE airflow CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci")

    def stop(self) -> None:
        self.server.close()


class SqliteMetadataDb:
    """In a file. It has one writer and no row locks: tests of two open transactions do not run on it."""

    name = "sqlite"

    def __init__(self) -> None:
        self._directory = Path(tempfile.mkdtemp(prefix="sched-cache-sqlite-"))
        self._database = self._directory / "airflow.db"
        self._template = self._directory / "template.db"

    @property
    def url(self) -> str:
        return f"sqlite:///{self._database}"

    def start(self, environment: Mapping[str, str]) -> None:
        migrate({**environment, "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self._template}"})
        self.restore()

    def restore(self) -> None:
        # A write-ahead log left behind would be replayed into the copy; the plugin's tables are in a file beside it.
        for leftover in self._directory.glob("airflow.*"):
            leftover.unlink()
        shutil.copyfile(self._template, self._database)

    def stop(self) -> None:
        shutil.rmtree(self._directory, ignore_errors=True)


def migrate(environment: Mapping[str, str], *, python: str | Path = sys.executable) -> None:
    """Run ``airflow db migrate`` in a process of its own. Raises RuntimeError with its output."""
    done = subprocess.run(
        [str(python), "-m", "airflow", "db", "migrate"],
        env=dict(environment),
        # Not the checkout: with `-m` the directory of a process is on its path.
        cwd=environment["AIRFLOW_HOME"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=900,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"airflow db migrate failed:\n{done.stdout}")

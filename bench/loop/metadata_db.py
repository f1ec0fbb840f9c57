"""Copies of a metadata database, which is saved as a template once and restored before each subject and round."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit


class MetadataDb(Protocol):
    """Databases of one server, by name. Callers close their own connections before they copy."""

    def url(self, name: str) -> str:
        """The SQLAlchemy URL."""

    def exists(self, name: str) -> bool: ...

    def copy(self, source: str, target: str) -> None:
        """Replaces `target` by a copy of `source`."""

    def create(self, name: str) -> None:
        """Makes an empty one."""

    def settle(self, name: str) -> None:
        """Updates the statistics, so that queries have the same plans in every copy."""


class SqliteFiles:
    """Files in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def url(self, name: str) -> str:
        return f"sqlite:///{self._path(name)}"

    def exists(self, name: str) -> bool:
        return self._path(name).exists()

    def create(self, name: str) -> None:
        self._remove(name)

    def copy(self, source: str, target: str) -> None:
        self._remove(target)
        shutil.copyfile(self._path(source), self._path(target))

    def settle(self, name: str) -> None:
        import sqlite3

        connection = sqlite3.connect(self._path(name))
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("ANALYZE")
        connection.commit()
        connection.close()

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.db"

    def _remove(self, name: str) -> None:
        # A write-ahead log left behind would be replayed into the copy.
        for path in self._folder.glob(f"{name}.db*"):
            path.unlink()


class PostgresDatabases:
    """Databases of one PostgreSQL server."""

    def __init__(self, server_url: str) -> None:
        self._server_url = server_url

    def url(self, name: str) -> str:
        return f"{self._server_url}/{name}"

    def exists(self, name: str) -> bool:
        return bool(self._execute("postgres", f"SELECT 1 FROM pg_database WHERE datname = '{name}'"))

    def create(self, name: str) -> None:
        self._execute("postgres", f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        self._execute("postgres", f'CREATE DATABASE "{name}"')

    def copy(self, source: str, target: str) -> None:
        self._execute("postgres", f'DROP DATABASE IF EXISTS "{target}" WITH (FORCE)')
        self._execute(
            "postgres", f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{source}'"
        )
        self._execute("postgres", f'CREATE DATABASE "{target}" TEMPLATE "{source}" STRATEGY FILE_COPY')

    def settle(self, name: str) -> None:
        self._execute(name, "VACUUM (ANALYZE)")

    def _execute(self, database: str, statement: str) -> list[Any]:
        import psycopg2  # type: ignore[import-untyped]  # ships no types

        parts = urlsplit(self._server_url)
        connection = psycopg2.connect(
            host=parts.hostname,
            port=parts.port,
            user=parts.username,
            password=parts.password,
            dbname=database,
        )
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()


def metadata_db(server: str) -> MetadataDb:
    """For `sqlite:FOLDER` or the URL of a PostgreSQL server."""
    if server.startswith("sqlite:"):
        return SqliteFiles(Path(server.removeprefix("sqlite:")))
    return PostgresDatabases(server)


def migrate(python: str, environ: dict[str, str]) -> None:
    """`airflow db migrate`. Raises RuntimeError with the end of its output."""
    done = subprocess.run(
        [python, "-m", "airflow", "db", "migrate"],
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"airflow db migrate failed:\n{done.stdout[-2000:]}")

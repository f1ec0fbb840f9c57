"""A private MariaDB."""

from __future__ import annotations

import itertools
import subprocess
from pathlib import Path
from typing import ClassVar

from tests.support.servers.process import ServerProcess, program

_DEBIAN_FOLDER = "/usr/sbin"  # not in everybody's PATH


class MariadbServer(ServerProcess):
    """MariaDB whose commits survive `kill`; it never waits for the disk, so not a crash of the machine."""

    run_as: ClassVar[tuple[str, ...]] = ("mysql",)

    def __init__(self) -> None:
        names = ("mariadb-install-db", "mariadbd", "mariadb-admin", "mariadb", "mariadb-dump")
        self._programs = {name: program(name, _DEBIAN_FOLDER) for name in names}
        self._names = itertools.count(1)
        super().__init__()

    def prepare(self) -> None:
        self.run(
            self._programs["mariadb-install-db"],
            *("--no-defaults", f"--datadir={self.folder / 'data'}"),
            *("--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"),
        )

    def command(self) -> list[str]:
        return [
            self._programs["mariadbd"],
            "--no-defaults",
            f"--datadir={self.folder / 'data'}",
            f"--socket={self.folder / 'socket'}",
            f"--pid-file={self.folder / 'pid'}",
            f"--port={self.port}",
            "--bind-address=127.0.0.1",
            "--skip-name-resolve",
            "--skip-log-bin",
            "--innodb-flush-method=nosync",
            "--innodb-flush-log-at-trx-commit=2",
            "--innodb-buffer-pool-size=64M",
            "--max-connections=200",
            "--character-set-server=utf8mb4",
        ]

    def is_ready(self) -> bool:
        ping = [self._programs["mariadb-admin"], *self._connection(), "--connect-timeout=2", "ping"]
        return subprocess.run(ping, capture_output=True).returncode == 0

    def url(self, database: str = "mysql") -> str:
        return f"mysql+pymysql://root@127.0.0.1:{self.port}/{database}?charset=utf8mb4"

    def create_database(self) -> str:
        """The name of a new, empty database."""
        name = f"test_{next(self._names)}"
        self.execute(f"CREATE DATABASE {name}")
        return name

    def drop_database(self, name: str) -> None:
        self.execute(f"DROP DATABASE {name}")

    def execute(self, sql: str, database: str = "mysql") -> str:
        """The output of the client, without decoration."""
        to = (*self._connection(), f"--database={database}")
        return self.run(
            self._programs["mariadb"], *to, "--batch", "--skip-column-names", "--execute", sql
        ).stdout.strip()

    def dump(self, database: str, path: Path) -> None:
        """Writes the statements that make the tables of a database and what is in them."""
        self.run(self._programs["mariadb-dump"], *self._connection(), f"--result-file={path}", database)

    def _connection(self) -> tuple[str, ...]:
        return "--no-defaults", "--protocol=tcp", "--host=127.0.0.1", f"--port={self.port}", "--user=root"

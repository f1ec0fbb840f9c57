"""A private PostgreSQL."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
from typing import ClassVar

from tests.support.servers.process import ServerProcess, program

_DEBIAN_FOLDER = "/usr/lib/postgresql/*/bin"


class PostgresServer(ServerProcess):
    """PostgreSQL whose commits survive `kill`; it never waits for the disk, so not a crash of the machine."""

    run_as: ClassVar[tuple[str, ...]] = ("postgres",)
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT  # end sessions, write a checkpoint

    def __init__(self) -> None:
        self._programs = {
            name: program(name, _DEBIAN_FOLDER) for name in ("initdb", "postgres", "pg_isready", "psql")
        }
        self._names = itertools.count(1)
        super().__init__()

    def prepare(self) -> None:
        self.run(
            self._programs["initdb"],
            *("--pgdata", "data", "--username", "postgres", "--auth", "trust"),
            *("--encoding", "UTF8", "--locale", "C", "--no-sync"),
        )

    def command(self) -> list[str]:
        settings = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self.folder,
            "fsync": "off",
            "full_page_writes": "off",
            "max_connections": 200,
            "max_prepared_transactions": 10,
        }
        options = [argument for name, value in settings.items() for argument in ("-c", f"{name}={value}")]
        return [self._programs["postgres"], "-D", "data", *options]

    def is_ready(self) -> bool:
        return self.is_answering(self.port)

    def is_answering(self, port: int) -> bool:
        """Whether something that speaks its protocol takes connections on this port."""
        asked = [self._programs["pg_isready"], "-q", "-h", "127.0.0.1", "-p", str(port)]
        return subprocess.run(asked, env={**os.environ, "PGCONNECT_TIMEOUT": "2"}).returncode == 0

    def url(self, database: str = "postgres") -> str:
        return f"postgresql+psycopg2://postgres@127.0.0.1:{self.port}/{database}"

    def create_database(self) -> str:
        """The name of a new, empty database."""
        name = f"test_{next(self._names)}"
        self.execute(f"CREATE DATABASE {name}")
        return name

    def drop_database(self, name: str) -> None:
        """Ends its sessions first."""
        self.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def execute(self, sql: str, database: str = "postgres") -> str:
        """The output of psql, without decoration."""
        to = ("-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", "-d", database)
        return self.run(
            self._programs["psql"], *to, "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql
        ).stdout.strip()

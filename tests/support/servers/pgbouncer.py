"""A private PgBouncer that pools transactions."""

from __future__ import annotations

import signal
from typing import ClassVar

from tests.support.servers.postgres import PostgresServer
from tests.support.servers.process import ServerProcess, program

_DEBIAN_FOLDER = "/usr/sbin"  # not in everybody's PATH


class PgbouncerServer(ServerProcess):
    """PgBouncer before `behind`, with two server connections for each database: sessions are lent by transaction."""

    run_as: ClassVar[tuple[str, ...]] = ("postgres",)
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM  # at once; SIGINT waits for the clients

    def __init__(self, behind: PostgresServer) -> None:
        self._program = program("pgbouncer", _DEBIAN_FOLDER)
        super().__init__()
        self._behind = behind

    def prepare(self) -> None:
        self.run("sh", "-c", 'printf "%s" "$1" > pgbouncer.ini', "sh", self._configuration())

    def command(self) -> list[str]:
        return [self._program, "pgbouncer.ini"]

    def is_ready(self) -> bool:
        return self._behind.is_answering(self.port)

    def url(self, database: str = "postgres") -> str:
        return f"postgresql+psycopg2://postgres@127.0.0.1:{self.port}/{database}"

    def _configuration(self) -> str:
        settings = {
            "listen_addr": "127.0.0.1",
            "listen_port": self.port,
            "unix_socket_dir": "",
            "auth_type": "any",
            "pool_mode": "transaction",
            "default_pool_size": 2,
            "max_client_conn": 200,
            "server_login_retry": 0.2,
            "server_reset_query": "",
        }
        lines = [
            "[databases]",
            f"* = host=127.0.0.1 port={self._behind.port} user=postgres",
            "[pgbouncer]",
            *(f"{name} = {value}" for name, value in settings.items()),
        ]
        return "\n".join(lines) + "\n"

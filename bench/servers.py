"""PostgreSQL and Redis for a run, on free ports and in temporary folders, which end with the block or this process."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .leash import let_go, short_lived_folder, start_on_leash

_USER = "airflow"
# The disk is not measured, so a commit does not wait for it. Vacuum is off, so that it does not start in the middle of
# a round.
_POSTGRES = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "shared_buffers": "256MB",
    "max_connections": "100",
    "listen_addresses": "127.0.0.1",
}


class ServerError(Exception):
    """A server is not installed or did not start; the message has its name and the reason."""


def free_port() -> int:
    """A TCP port of the loopback interface that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def postgres_server() -> Iterator[str]:
    """A fresh cluster; gives the URL of its server, without a database name.

    Raises:
        ServerError: it is not installed, or did not start.
    """
    binaries, port = _postgres_binaries(), free_port()
    with short_lived_folder("bench-postgres-") as folder:
        data = f"{folder}/data"
        if os.geteuid() == 0:
            shutil.chown(folder, user="postgres")  # PostgreSQL refuses to run as root
        options = ("-D", data, "-A", "trust", "-U", _USER, "--no-sync", "-E", "UTF8")
        initialized = _run(_as_postgres(binaries / "initdb", *options))
        if initialized.returncode:
            raise ServerError(f"initdb failed with {initialized.returncode}: {initialized.stdout[-1000:]}")
        settings = [word for name, value in _POSTGRES.items() for word in ("-c", f"{name}={value}")]
        server = _as_postgres(binaries / "postgres", "-D", data, "-p", port, "-k", folder, *settings)
        is_ready = [str(binaries / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
        # The quickest shutdown, because the data is temporary.
        with _server("PostgreSQL", server, signal.SIGQUIT, lambda: _run(is_ready).returncode == 0, folder):
            yield f"postgresql+psycopg2://{_USER}@127.0.0.1:{port}"


def _postgres_binaries() -> Path:
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), reverse=True)
    found = [str(path) for path in versions] or [path for path in [shutil.which("postgres")] if path]
    if not found:
        raise ServerError(
            "PostgreSQL is not installed (Debian: apt-get install postgresql); --quick does not need it"
        )
    return Path(found[0]).parent


def _as_postgres(program: Path, *arguments: object) -> list[str]:
    prefix = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] if os.geteuid() == 0 else []
    return [*prefix, str(program), *map(str, arguments)]


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd="/",
        check=False,
    )


@contextmanager
def redis_server() -> Iterator[str]:
    """An empty Redis that writes nothing to disk; gives its URL.

    Raises:
        ServerError: it is not installed, or did not start.
    """
    program = shutil.which("redis-server")
    if not program:
        raise ServerError(
            "Redis is not installed (Debian: apt-get install redis-server); --quick does not need it"
        )
    port = free_port()
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    with _server("Redis", command, signal.SIGTERM, lambda: _answers(port)):
        yield f"redis://127.0.0.1:{port}/0"


def _answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


@contextmanager
def _server(
    name: str,
    command: list[str],
    ending_signal: int,
    is_ready: Callable[[], bool],
    removes: str = "",
    timeout_seconds: float = 30,
) -> Iterator[None]:
    """Runs the server within the block, and not longer than this process. Removes its folder after that."""
    with tempfile.TemporaryFile("w+") as log:
        process = start_on_leash(
            command,
            ending_signal=ending_signal,
            removes=removes,
            stdout=log,
            stderr=log,
            cwd=tempfile.gettempdir(),
        )
        try:
            until = time.monotonic() + timeout_seconds
            while not is_ready():
                if process.poll() is not None or time.monotonic() > until:
                    log.seek(0)
                    raise ServerError(
                        f"{name} did not start within {timeout_seconds:.0f} s: {log.read()[-1000:]}"
                    )
                time.sleep(0.02)
            yield
        finally:
            let_go(process)

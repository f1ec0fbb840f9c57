"""PostgreSQL and Redis for a run, on free ports, in temporary folders, ended with the block.

Nothing outside is touched.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_USER = "airflow"
# The disk is not what is measured: a commit does not wait for it. Nor does a vacuum start in the middle of a
# round.
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
    """A server is not installed or did not start; the message says which and why."""


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
    binaries = _postgres_binaries()
    folder = Path(tempfile.mkdtemp(prefix="bench-postgres-"))
    data, port = folder / "data", free_port()
    if os.geteuid() == 0:
        shutil.chown(folder, user="postgres")  # the server refuses to run as root
    try:
        _as_postgres(binaries / "initdb", "-D", data, "-A", "trust", "-U", _USER, "--no-sync", "-E", "UTF8")
        settings = " ".join(f"-c {name}={value}" for name, value in _POSTGRES.items())
        _as_postgres(
            binaries / "pg_ctl",
            *("-D", data, "-w", "-l", folder / "log"),
            *("-o", f"-p {port} -k {folder} {settings}", "start"),
        )
        try:
            yield f"postgresql+psycopg2://{_USER}@127.0.0.1:{port}"
        finally:
            _as_postgres(binaries / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _postgres_binaries() -> Path:
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), reverse=True)
    found = [str(path) for path in versions] or [path for path in [shutil.which("postgres")] if path]
    if not found:
        raise ServerError(
            "PostgreSQL is not installed (Debian: apt-get install postgresql); --quick does not need it"
        )
    return Path(found[0]).parent


def _as_postgres(program: Path, *arguments: object) -> None:
    prefix = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] if os.geteuid() == 0 else []
    # The server inherits pg_ctl's output: a pipe would stay open for as long as it runs.
    with tempfile.TemporaryFile("w+") as output:
        done = subprocess.run(
            [*prefix, str(program), *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            check=False,
        )
        if done.returncode:
            output.seek(0)
            raise ServerError(f"{program.name} failed with {done.returncode}: {output.read()[-1000:]}")


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
    process = subprocess.Popen(
        [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=tempfile.gettempdir(),
    )
    try:
        _wait_for_port(port, process)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait(timeout=10)


def _wait_for_port(port: int, process: subprocess.Popen[bytes], timeout_seconds: float = 10) -> None:
    until = time.monotonic() + timeout_seconds
    while time.monotonic() < until and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)
    raise ServerError(f"Redis did not answer on port {port} within {timeout_seconds:.0f} s")

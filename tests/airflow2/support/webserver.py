"""A webserver of Airflow 2.11 as an operator runs it, except that everybody is an administrator."""

from __future__ import annotations

import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.hosts.components import command
from tests.hosts.home import AirflowHome
from tests.hosts.processes import AirflowProcess
from tests.hosts.subject import PLUGIN
from tests.support.servers.process import free_port

_CONFIG = """
from airflow.www.fab_security.manager import AUTH_DB

AUTH_TYPE = AUTH_DB
AUTH_ROLE_PUBLIC = "Admin"
WTF_CSRF_ENABLED = False
"""


class Webserver:
    """A running one."""

    def __init__(self, process: AirflowProcess, port: int) -> None:
        self.process = process
        self.url = f"http://127.0.0.1:{port}"

    def get(self, path: str) -> str:
        with urllib.request.urlopen(f"{self.url}{path}", timeout=120) as answer:
            return str(answer.read().decode())

    def check(self) -> None:
        """Raises AssertionError with the end of its log if it has ended by itself."""
        assert self.process.is_running, self.process.log_end()

    def wait_for(self, holds: Callable[[], Any], *, what: str, timeout_seconds: float) -> Any:
        end = time.monotonic() + timeout_seconds
        while True:
            try:
                if found := holds():
                    return found
            except (urllib.error.URLError, OSError):
                pass
            self.check()
            assert time.monotonic() < end, f"{what}: {self.process.log_end()}"
            time.sleep(0.3)


@contextmanager
def running_webserver(home: AirflowHome, n_workers: int, options: Mapping[str, str]) -> Iterator[Webserver]:
    """A webserver with the plugin, installed as an operator does it; ended with the block.

    Args:
        options: more environment variables.
    """
    port = free_port()
    config = Path(home.path, "webserver_config.py")
    config.write_text(_CONFIG)
    environment = {
        **os.environ,
        **home.environment,
        **PLUGIN.environment(),
        "AIRFLOW__WEBSERVER__CONFIG_FILE": str(config),
        "AIRFLOW__WEBSERVER__SECRET_KEY": "a key of a test",
        "PYTHONWARNINGS": "ignore",
        **options,
    }
    arguments = command("webserver", port=port, n_workers=n_workers)
    process = AirflowProcess("webserver", arguments, home.path / "webserver.log", environment)
    process.start()
    try:
        yield Webserver(process, port)
    finally:
        process.stop()
        config.unlink()

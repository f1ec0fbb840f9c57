"""The five kinds of processes of an Airflow 3: an API server, a DAG processor, a triggerer and the schedulers."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from tests.hosts.end_to_end.installation import assert_running
from tests.hosts.processes import AirflowProcess


def processes(
    environment: Mapping[str, str], logs: Path, *, api_port: int, n_schedulers: int = 2
) -> dict[str, AirflowProcess]:
    """By name, not started. They share one environment, so one execution API URL and one JWT secret."""
    logs.mkdir(parents=True, exist_ok=True)
    commands: dict[str, tuple[str, ...]] = {
        "api-server": ("api-server", "--host", "127.0.0.1", "--port", str(api_port), "--workers", "1"),
        "dag-processor": ("dag-processor",),
        "triggerer": ("triggerer", "--skip-serve-logs"),
    }
    for number in range(1, n_schedulers + 1):
        # Its log server has one fixed port, which two schedulers of a machine cannot share.
        commands[f"scheduler-{number}"] = ("scheduler", "--skip-serve-logs")
    return {
        name: AirflowProcess(name, arguments, logs / f"{name}.log", environment)
        for name, arguments in commands.items()
    }


def wait_until_served(
    running: Mapping[str, AirflowProcess], api_url: str, *, timeout_seconds: float = 300.0
) -> None:
    """Returns when the API server answers; about 10 s after the start."""
    end = time.monotonic() + timeout_seconds
    while not _answers(api_url):
        assert_running(running)
        if time.monotonic() > end:
            raise TimeoutError(f"no answer from {api_url}")
        time.sleep(0.2)


def _answers(api_url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{api_url}/api/v2/version", timeout=2):
            return True
    except (urllib.error.URLError, OSError):
        return False

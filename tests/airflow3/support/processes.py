"""The five kinds of processes of an Airflow 3: an API server, a DAG processor, a triggerer and the schedulers."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from tests.hosts.components import answers, command
from tests.hosts.end_to_end.installation import assert_running
from tests.hosts.processes import AirflowProcess


def processes(
    environment: Mapping[str, str], logs: Path, *, api_port: int, n_schedulers: int = 2
) -> dict[str, AirflowProcess]:
    """By name, not started. They share one environment, so one execution API URL and one JWT secret."""
    logs.mkdir(parents=True, exist_ok=True)
    commands = {name: command(name, port=api_port) for name in ("api-server", "dag-processor", "triggerer")}
    for number in range(1, n_schedulers + 1):
        commands[f"scheduler-{number}"] = command("scheduler")
    return {
        name: AirflowProcess(name, arguments, logs / f"{name}.log", environment)
        for name, arguments in commands.items()
    }


def wait_until_served(
    running: Mapping[str, AirflowProcess], api_url: str, *, timeout_seconds: float = 300.0
) -> None:
    """Returns when the API server answers users and tasks; about 15 s after the start.

    The first request to the execution API builds the routes of all its versions, on the event loop: for several
    seconds, 30 on a busy machine, no other request is answered. Here no test and no task waits for that.
    """
    end = time.monotonic() + timeout_seconds
    for path in ("/api/v2/version", "/execution/health"):
        while not answers(api_url + path, timeout_seconds=max(end - time.monotonic(), 1.0)):
            assert_running(running)
            if time.monotonic() > end:
                raise TimeoutError(f"no answer from {api_url}{path}")
            time.sleep(0.2)

"""Faults for a running installation, each the size that every run still ends as if nothing had happened."""

from __future__ import annotations

import time

from tests.hosts.end_to_end import history
from tests.hosts.end_to_end.installation import Installation
from tests.support.servers import RedisServer

# A scheduler and the tasks that died with it are noticed soon enough for the end of a test, and run again.
QUICK_RECOVERY = {
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "20",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_SEC": "3",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
    "AIRFLOW__CORE__DEFAULT_TASK_RETRIES": "3",
    "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "1",
}


def kill_a_scheduler(installed: Installation) -> None:
    """Kill one scheduler with its workers while tasks are running, and start another in its place.

    Its workers have to die too: they inherited its database connections, which would keep its locks.
    """
    _wait_for_tasks(installed, 10)
    process = installed.running["scheduler-1"]
    process.kill()
    process.start()


class RedisFaults:
    """Redis is flushed, then paused, then killed for a while, and comes back empty."""

    def __init__(self, server: RedisServer, *, pause_seconds: float = 3.0) -> None:
        self._server = server
        self._pause_seconds = pause_seconds

    def __call__(self, installed: Installation) -> None:
        _wait_for_tasks(installed, 3)
        self._server.flush()
        _wait_for_tasks(installed, 10)
        self._server.pause()
        time.sleep(self._pause_seconds)
        self._server.resume()
        _wait_for_tasks(installed, 15)
        self._server.kill()
        time.sleep(self._pause_seconds)
        self._server.start()


def _wait_for_tasks(installed: Installation, n_tasks: int) -> None:
    installed.wait_until(
        lambda: history.n_ended_tasks(installed.database_url) >= n_tasks,
        what=f"{n_tasks} tasks did not end",
        timeout_seconds=300,
    )

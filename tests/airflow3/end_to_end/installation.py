"""A complete Airflow for one test: its own PostgreSQL, home, ports and processes."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.airflow3.support.processes import processes, wait_until_served
from tests.airflow3.support.rest_client import RestClient
from tests.hosts.end_to_end.installation import started, wait_until
from tests.hosts.home import AirflowHome
from tests.hosts.metadata_db import PostgresMetadataDb
from tests.hosts.processes import AirflowProcess
from tests.hosts.subject import Subject
from tests.support.servers.process import free_port

_OPTIONS = {
    "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
    "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
    "AIRFLOW__CORE__PARALLELISM": "6",
    "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
    "AIRFLOW__DAG_PROCESSOR__BUNDLE_REFRESH_CHECK_INTERVAL": "1",
}


@dataclass(frozen=True, slots=True)
class Installation:
    """A running Airflow: two schedulers, a DAG processor, a triggerer and an API server.

    Attributes:
        environment: what every one of its processes was started with.
        running: its processes by name.
    """

    home: AirflowHome
    environment: Mapping[str, str]
    database_url: str
    running: Mapping[str, AirflowProcess]
    client: RestClient

    def trigger(self, runs: Sequence[str]) -> None:
        """Create runs, each named ``dag_id/run_id``, through the API."""
        for run in runs:
            dag_id, run_id = run.split("/")
            self.client.trigger(dag_id, run_id)

    def wait_until(self, holds: Callable[[], bool], *, what: str, timeout_seconds: float) -> None:
        """`wait_until` with its processes."""
        wait_until(self.running, holds, what=what, timeout_seconds=timeout_seconds)


@contextlib.contextmanager
def installation(
    subject: Subject, *, dags: Path | None = None, options: Mapping[str, str] | None = None
) -> Iterator[Installation]:
    """An installation with a copy of the folder ``dags``, gone without a trace when the block ends.

    Starting takes some 15 to 25 s, nearly all of it imports of Airflow.

    Args:
        options: more environment variables, e.g. options of Airflow or of the plugin.
    """
    api_port = free_port()
    api_url = f"http://127.0.0.1:{api_port}"
    with contextlib.ExitStack() as stack:
        database = PostgresMetadataDb()
        stack.callback(database.stop)
        home = AirflowHome(
            database.url,
            options={
                **_OPTIONS,
                "AIRFLOW__API__BASE_URL": api_url,
                "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{api_url}/execution/",
                **(options or {}),
            },
        )
        stack.callback(home.remove)
        if dags is not None:
            shutil.copytree(dags, home.dags, dirs_exist_ok=True)
        environment = {**os.environ, **home.environment, **subject.environment()}
        database.start(environment)
        running = processes(environment, home.path / "output", api_port=api_port)
        with started(running):
            wait_until_served(running, api_url)
            yield Installation(home, environment, database.url, running, RestClient(api_port))

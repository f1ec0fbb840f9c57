"""One home, database and Redis for nodes of several releases or builds, one after the other or side by side."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from tests.hosts.components import HEALTH, answers
from tests.hosts.end_to_end import history
from tests.hosts.end_to_end.disturbances import QUICK_RECOVERY
from tests.hosts.end_to_end.installation import assert_running, wait_until
from tests.hosts.home import AirflowHome, option
from tests.hosts.metadata_db import migrate
from tests.hosts.processes import AirflowProcess
from tests.support.servers import PostgresServer, RedisServer
from tests.support.servers.process import free_port
from tests.upgrades.node import Node

if TYPE_CHECKING:
    from typing_extensions import Self

FOLDER = Path(__file__).parent
_SERVED_SECONDS = 300.0
_OPTIONS = {
    **QUICK_RECOVERY,
    # The outcome must not depend on how busy the machine is: only what was killed is executed again.
    option("core", "default_task_retries"): "10",
    option("scheduler", "scheduler_health_check_threshold"): "40",
    option("scheduler", "task_instance_heartbeat_timeout"): "90",
    option("workers", "execution_api_timeout"): "60",
    option("core", "dags_are_paused_at_creation"): "False",
    option("core", "simple_auth_manager_all_admins"): "True",
    option("core", "parallelism"): "8",
    option("core", "min_serialized_dag_update_interval"): "1",
    option("dag_processor", "bundle_refresh_check_interval"): "1",
    option("dag_processor", "min_file_process_interval"): "3",
    option("metrics", "timer_unit_consistency"): "True",
    option("scheduler", "catchup_by_default"): "False",
    # As an Airflow 2 has it: the names and intervals of scheduled runs stay those of before the upgrade.
    option("scheduler", "create_cron_data_intervals"): "True",
    option("scheduler", "create_delta_data_intervals"): "True",
    option("scheduler", "min_file_process_interval"): "3",
    option("scheduler", "scheduler_idle_sleep_time"): "0.2",
    option("scheduler", "standalone_dag_processor"): "True",
}


class Installation:
    """Servers that stay, and the processes of the current nodes.

    Attributes:
        home: with the DAGs of ``dags/``.
        running: the processes by name.
    """

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._server, self._redis = PostgresServer(), RedisServer()
        self.database_url = self._server.url("airflow")
        self.running: dict[str, AirflowProcess] = {}

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self._server)
            stack.enter_context(self._redis)
            self._server.execute("CREATE DATABASE airflow")
            self._port = free_port()
            url = f"http://127.0.0.1:{self._port}"
            servers = {
                option("api", "base_url"): url,
                option("core", "execution_api_server_url"): f"{url}/execution/",
                option("sched_cache", "redis_url"): self._redis.url,
            }
            self.home = AirflowHome(self.database_url, options={**_OPTIONS, **servers})
            stack.callback(self.home.remove)
            shutil.copytree(FOLDER / "dags", self.home.dags, dirs_exist_ok=True)
            shutil.copytree(FOLDER / "plugins", self.home.plugins, dirs_exist_ok=True)
            self._logs = self.home.path / "output"
            self._logs.mkdir()
            self.shared = {**os.environ, **self.home.environment}
            stack.callback(self.kill)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            for process in self.running.values():
                print(f"--- the end of {process.log.name}\n{process.log_end(20000)}", file=sys.stderr)
        self._stack.close()

    @property
    def n_redis_keys(self) -> int:
        return int(self._redis.execute("DBSIZE"))

    def migrate(self, node: Node) -> None:
        """Migrates the database to the release of ``node``, with the defaults of that release."""
        # The file that an Airflow 2 writes names components that Airflow 3 does not have.
        (self.home.path / "airflow.cfg").unlink(missing_ok=True)
        migrate(node.environment(self.shared), python=node.python)

    def start(self, *nodes: Node) -> None:
        """Starts a scheduler of each node and the other components of the last one; returns when all DAGs are known."""
        last = nodes[-1]
        components = ["dag-processor", "triggerer"]
        if not last.is_airflow_2:
            components.insert(0, "api-server")
        self.running = {
            name: last.process(name, name, self.shared, self._logs, port=self._port) for name in components
        }
        for number, node in enumerate(nodes, 1):
            name = f"scheduler-{number}"
            self.running[name] = node.process(name, "scheduler", self.shared, self._logs)
        if not last.is_airflow_2:
            self.running["api-server"].start()
            self._wait_until_served()
        for process in self.running.values():
            if not process.is_running:
                process.start()
        n_dags = sum(path.read_text().count("with DAG(") for path in self.home.dags.glob("*.py"))
        is_current = "is_active" if last.is_airflow_2 else "NOT is_stale"
        self.wait_until(
            lambda: (
                history.n_current_dags(self.database_url, is_current=is_current) == n_dags
                or bool(history.import_errors(self.database_url))
            ),
            what="not every DAG was parsed",
        )
        assert not history.import_errors(self.database_url), history.import_errors(self.database_url)

    def open_gate(self, number: int) -> None:
        """Lets tasks and sensors go on that wait for this gate."""
        (self.home.path / f"gate-{number}").touch()

    def wait_until(self, holds: Callable[[], bool], *, what: str, timeout_seconds: float = 300.0) -> None:
        """`wait_until` with its processes."""
        wait_until(self.running, holds, what=what, timeout_seconds=timeout_seconds)

    def stop(self) -> None:
        """Asks every process to end, the schedulers first."""
        for name in sorted(self.running, key=lambda name: name.startswith("scheduler"), reverse=True):
            self.running[name].stop()

    def kill(self) -> None:
        """Ends every process at once, as a power cut does."""
        for process in self.running.values():
            process.kill()

    def logs(self) -> Mapping[str, str]:
        """Everything that was written by each process of this name."""
        return {path.stem: path.read_text(errors="replace") for path in sorted(self._logs.glob("*.log"))}

    def _wait_until_served(self) -> None:
        end = time.monotonic() + _SERVED_SECONDS
        for path in (HEALTH["api-server"], "/execution/health"):
            while not answers(f"http://127.0.0.1:{self._port}{path}", timeout_seconds=60.0):
                assert_running({"api-server": self.running["api-server"]})
                assert time.monotonic() < end, f"no answer from {path}"
                time.sleep(0.2)


@contextmanager
def installation() -> Iterator[Installation]:
    """Servers and a home without an Airflow, gone when the block ends."""
    with Installation() as installed:
        yield installed

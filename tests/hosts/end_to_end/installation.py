"""A running Airflow of either host, as whole runs and disturbances see it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Protocol

from tests.hosts.processes import AirflowProcess


class Installation(Protocol):
    """running: its processes by name."""

    @property
    def database_url(self) -> str: ...
    @property
    def running(self) -> Mapping[str, AirflowProcess]: ...
    def trigger(self, runs: Sequence[str]) -> None:
        """Creates runs, each named ``dag_id/run_id``."""
        ...

    def wait_until(self, holds: Callable[[], bool], *, what: str, timeout_seconds: float) -> None:
        """`wait_until` with its processes."""
        ...


def wait_until(
    processes: Mapping[str, AirflowProcess], holds: Callable[[], bool], *, what: str, timeout_seconds: float
) -> None:
    """Poll until ``holds``.

    Raises:
        TimeoutError: names ``what`` did not happen.
        AssertionError: a process ended by itself; the text ends with its log.
    """
    end = time.monotonic() + timeout_seconds
    while not holds():
        assert_running(processes)
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.5)


def assert_running(processes: Mapping[str, AirflowProcess]) -> None:
    """Raise AssertionError with the end of the log if a process has ended by itself."""
    for process in processes.values():
        if not process.is_running:
            raise AssertionError(f"{process.name} ended:\n{process.log_end()}")


@contextmanager
def started(processes: Mapping[str, AirflowProcess]) -> Iterator[None]:
    """They run during the block. If it fails, the ends of their logs are printed: the logs are gone afterwards."""
    with ExitStack() as stack:
        # The schedulers are stopped first, so that nothing new is started meanwhile.
        for name in sorted(processes, key=lambda name: name.startswith("scheduler")):
            stack.callback(processes[name].stop)
        try:
            for process in processes.values():
                process.start()
            yield
        except BaseException:
            for process in processes.values():
                print(f"--- the end of {process.log.name}\n{process.log_end()}", file=sys.stderr)
            raise

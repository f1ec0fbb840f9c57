"""Ends of a stock installation and of one with the plugin, one after the other, while the tiers are in a trouble."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.hosts.prepared import prepared
from tests.hosts.subject import OFF
from tests.hosts.tiers import WELL, Tiers, Trouble
from tests.hosts.timed_installation import TimedInstallation, server

MAY_TAKE_LONGER_SECONDS = 1.0
N_RUNS = "8"
N_FILES = 5
_AT_WORK_SECONDS, _IN_TROUBLE_SECONDS = 5.0, 6.0
_OPTIONS = {
    "AIRFLOW__CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "0",
    "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
    "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
    "AIRFLOW__SCHEDULER__STANDALONE_DAG_PROCESSOR": "True",
    "AIRFLOW__SCHEDULER__MIN_FILE_PROCESS_INTERVAL": "1",
    "AIRFLOW__SCHEDULER__PARSING_PROCESSES": "1",
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "1",
    "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
    # Its thread is in the middle of something when its process is told to end.
    "AIRFLOW__SCHED_CACHE__PROCESS_REPORT_SECONDS": "1",
}


@dataclass(frozen=True, slots=True)
class End:
    """Seconds that one kind of end took on stock and with the plugin."""

    trouble: Trouble
    what: str
    stock: float
    ours: float

    @property
    def is_late(self) -> bool:
        return self.ours > self.stock + MAY_TAKE_LONGER_SECONDS

    def __str__(self) -> str:
        late = "  TOO LATE" if self.is_late else ""
        return f"{self.trouble!s:44} {self.what:36} {self.stock:7.2f} {self.ours:7.2f}{late}"


def components() -> Sequence[str]:
    return ("scheduler", "triggerer", "dag-processor", server())


def measure(tiers: Tiers, trouble: Trouble, chosen: Sequence[str] | None = None) -> Iterator[End]:
    """SIGTERM of each component of `chosen`, or of all; a scheduler's last run; the files that a processor parses."""
    with _installations(tiers, trouble) as (stock, ours):
        both = (stock, ours)
        wanted = components() if chosen is None else chosen
        tiers.make(Trouble(WELL, WELL))
        for installation in both:
            installation.edit()
            for component in wanted:
                installation.start(component)
        for installation in both:
            for component in wanted:
                installation.wait_until_up(component)
        time.sleep(_AT_WORK_SECONDS)
        tiers.make(trouble)
        for installation in both:
            installation.edit()
        time.sleep(_IN_TROUBLE_SECONDS)
        for component in wanted:
            yield End(trouble, f"SIGTERM, {component}", stock.end(component), ours.end(component))
        seconds = []
        for installation in both:
            installation.start("scheduler", "--num-runs", N_RUNS)
            seconds.append(installation.end_of_runs())
        yield End(trouble, "num_runs, scheduler", *seconds)
        seconds = []
        for installation in both:
            installation.edit(N_FILES)
            seconds.append(installation.run("dag-processor", "--num-runs", "1") / N_FILES)
        yield End(trouble, "a parsed file, dag-processor", *seconds)
        tiers.make(Trouble(WELL, WELL))


@contextmanager
def _installations(tiers: Tiers, trouble: Trouble) -> Iterator[tuple[TimedInstallation, TimedInstallation]]:
    with ExitStack() as stack:
        logs = Path(stack.enter_context(TemporaryDirectory()))
        made = []
        for name, plugin in (("stock", OFF), ("ours", tiers.environ(trouble))):
            airflow = stack.enter_context(prepared(tiers.server_url, name, options=_OPTIONS))
            installation = TimedInstallation(name, airflow, plugin, logs)
            stack.callback(installation.close)
            made.append(installation)
        yield made[0], made[1]

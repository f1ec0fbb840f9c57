"""One start of every process of an Airflow, what it said, what the doctor says, and how it ends."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.hosts.prepared import prepared
from tests.hosts.rows import value
from tests.hosts.subject import OFF, ON
from tests.hosts.timed_installation import TimedInstallation, server
from tests.starts.values import WrongOptions
from tests.support.module_process import CHECKOUT

STOCK = WrongOptions("stock")
COMPONENTS = ("scheduler", "triggerer", "dag-processor", server())
_RUN_SECONDS, _DOCTOR_SECONDS = 240.0, 300.0
_OPTIONS = {
    "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
    "AIRFLOW__SCHEDULER__STANDALONE_DAG_PROCESSOR": "True",
    "AIRFLOW__SCHEDULER__JOB_HEARTBEAT_SEC": "1",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "1",
    "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "1",
}
_ALIVE = "SELECT count(*) FROM job WHERE state = 'running' AND latest_heartbeat > %s"
_RUNS = "SELECT count(*) FROM dag_run WHERE state = 'success'"


@dataclass(slots=True)
class Start:
    """The outcome of a start.

    faults: rules that were broken.
    ends: component to seconds from SIGTERM to its end.
    """

    options: WrongOptions
    faults: list[str] = field(default_factory=list)
    ends: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    n_lines: dict[str, int] = field(default_factory=dict)
    swallowed: set[str] = field(default_factory=set)
    """Components whose exit the host has lost: see `_swallowed_exit`."""

    def __str__(self) -> str:
        ends = ", ".join(f"{component} {seconds:.1f}" for component, seconds in self.ends.items())
        lines = ", ".join(f"{component} {n}" for component, n in self.n_lines.items())
        return (
            f"{self.options.name}: {len(self.options.wrong)} wrong options, {len(self.faults)} faults, "
            f"up after {self.seconds:.0f} s; lines: {lines}; seconds to the end: {ends}"
            + (f"; exits that the host lost: {sorted(self.swallowed)}" if self.swallowed else "")
        )


def start(server_url: str, options: WrongOptions, components: Sequence[str] = COMPONENTS) -> Start:
    """Starts these components with `options`, or without the plugin for `STOCK`, and ends them.

    Args:
        server_url: a PostgreSQL, which keeps the migrated database between starts.
    """
    found = Start(options)
    plugin = OFF if options is STOCK else {**ON, **options.environ}
    with prepared(server_url, "started", options=_OPTIONS) as airflow, TemporaryDirectory() as logs:
        installation = TimedInstallation(options.name.replace(" ", "-"), airflow, plugin, Path(logs))
        with closing(installation):
            _play(installation, airflow.database_url, components, found)
    return found


def _play(
    installation: TimedInstallation, database_url: str, components: Sequence[str], found: Start
) -> None:
    options = found.options
    installation.edit()
    began = time.monotonic()
    for component in components:
        installation.start(component)
    for component in components:
        installation.wait_until_up(component)
    found.seconds = time.monotonic() - began
    n_jobs = len(set(components) - {server()})
    if not _works(database_url, n_jobs, is_scheduling={"scheduler", "dag-processor"} <= set(components)):
        found.faults.append("no heartbeat of every job, or no run that ended")
    if options is not STOCK:
        found.faults += _doctor(installation.environ, options)
    for component in components:
        found.ends[component] = installation.end(component)
        found.n_lines[component] = 0
        if _swallowed_exit(installation.log(component)):
            found.swallowed.add(component)
        if options is not STOCK:
            found.faults += _said(component, installation.log(component), options, found)


def _works(database_url: str, n_jobs: int, *, is_scheduling: bool) -> bool:
    """Whether each job gives a sign of life from now on, and a run is created and ends."""
    now = value(database_url, "SELECT now()")
    end = time.monotonic() + _RUN_SECONDS
    while time.monotonic() < end:
        n_alive = value(database_url, _ALIVE, [now])
        if n_alive >= n_jobs and (value(database_url, _RUNS) or not is_scheduling):
            return True
        time.sleep(0.5)
    return False


def _doctor(environ: Mapping[str, str], options: WrongOptions) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-m", "sched_cache", "doctor", "--json"],
        env={**environ, "PYTHONIOENCODING": "utf-8"},
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=_DOCTOR_SECONDS,
    )
    try:
        findings = json.loads(done.stdout)
    except ValueError:
        return [f"the doctor ended with {done.returncode}: {done.stderr[-1500:]}"]
    named = {one["what"].removeprefix("option ") for one in findings if not one["is_well"]}
    missing = {name for name in options.wrong if name not in named}
    faults = [f"the doctor does not name {sorted(missing)}, but {sorted(named)}"] if missing else []
    if done.returncode != 1:
        faults.append(f"the doctor ended with {done.returncode}")
    return faults


def _said(component: str, log: str, options: WrongOptions, found: Start) -> list[str]:
    """Broken rules: one line of ours per program, which names every wrong option, and no traceback of ours."""
    # A checkout with an editable installation is found twice, which Airflow says of any plugin.
    lines = [line for line in log.splitlines() if "sched_cache" in line and "already registered" not in line]
    ours = [line for line in lines if "sched_cache stays off" in line or "sched_cache is on, in part" in line]
    found.n_lines[component] = len(ours)
    faults = []
    # A webserver of Airflow 2 is several programs: itself, and gunicorn, which it starts.
    n_programs = 2 if component == "webserver" else 1
    if not 1 <= len(ours) <= n_programs:
        faults.append(f"{component}: {len(ours)} lines")
    for line in ours:
        unnamed = [name for name in options.wrong if _spelt(name) not in line]
        if unnamed:
            faults.append(f"{component}: not named in its line: {unnamed}")
        if ("sched_cache stays off" in line) is not options.is_off:
            faults.append(f"{component}: {line[:200]}")
    others = [line for line in lines if line not in ours]
    if others:
        faults.append(f"{component}: {len(others)} other lines: {others[0][:300]}")
    if "Traceback" in log and component not in found.swallowed:
        faults.append(f"{component}: {log[log.index('Traceback') :][:1500]}")
    return faults


def _swallowed_exit(log: str) -> bool:
    """Whether SIGTERM was lost in the host.

    The host's handler raises SystemExit wherever its main thread is. In a weak reference's callback of SQLAlchemy (a
    stock scheduler runs hundreds a minute) Python reports the exception as ignored, and the process goes on.
    """
    lost = log.partition("Exception ignored in")[2]
    return "SystemExit: 0" in lost and "sched_cache" not in lost.partition("SystemExit: 0")[0]


def _spelt(name: str) -> str:
    """The part of a name that any line has as it stands."""
    return name.split("\n")[0].split("\udcff")[0][:50]

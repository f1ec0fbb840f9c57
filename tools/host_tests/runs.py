"""One run of Airflow's tests in a process of its own, and what it wrote."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tools.host_tests.checkout import Checkout

_INSIDE = Path(__file__).parent / "inside"
_SAY_EVERY_SECONDS = 30.0


class RunError(Exception):
    """The tests were not run to their end, or say nothing of the plugin; the text says why."""


@dataclass(frozen=True, slots=True)
class Run:
    """The outcomes of one run: `passed`, `failed` or `skipped` by the id of the test.

    use: the state of the plugin at the end of the run.
    """

    outcomes: Mapping[str, str]
    use: Mapping[str, Any] = field(default_factory=dict)

    def failed(self) -> set[str]:
        """The tests that failed."""
        return {test for test, outcome in self.outcomes.items() if outcome == "failed"}

    @staticmethod
    def read(file: Path) -> Run:
        """The run that wrote `file`.

        Raises:
            RunError: it did not end, or ran no test.
        """
        outcomes: dict[str, str] = {}
        use: Mapping[str, Any] | None = None
        for line in _lines(file):
            if "test" in line:
                outcomes[line["test"]] = line["outcome"]
            use = line.get("use", use)
        if use is None:
            raise RunError("pytest ended before the last test")
        if not outcomes:
            raise RunError("pytest found no test")
        return Run(outcomes, use)

    def demand_without(self) -> None:
        """Raises RunError if the plugin was there, in a run that is meant to be without it."""
        if self.use["is_loaded"]:
            raise RunError("the run without the plugin had it installed")

    def demand_use(self) -> None:
        """Raises RunError if the plugin was off or did nothing, because then equal outcomes prove nothing."""
        if not self.use["is_loaded"]:
            raise RunError("the run with the plugin did not load it")
        if not self.use["is_on"]:
            raise RunError(f"the plugin was off in the run with it: {self.use['reason']}")
        if not self.use.get("n_dags") and not self.use.get("n_decided"):
            raise RunError("the plugin was on, but no test read a DAG through it; choose more tests")


def run(
    checkout: Checkout,
    python: Path,
    tests: Sequence[str],
    workspace: Path,
    plugin: Path | None,
    say: Callable[[str], None],
) -> Run:
    """Runs the tests, on a database of SQLite that is made anew.

    workspace: the folder in which the checkout is laid out. plugin: the folder in which it is installed, or None.

    Raises:
        RunError: see `Run.read`; the output of pytest has the reason.
    """
    name = "with" if plugin else "without"
    home = workspace / f"home-{name}"
    home.mkdir(exist_ok=True)
    outcomes, output = workspace / f"{name}.jsonl", workspace / f"{name}.log"
    outcomes.unlink(missing_ok=True)
    root = checkout.layout.root
    command = (
        str(python),
        "-m",
        "pytest",
        "-p",
        "sched_cache_observer",
        "--with-db-init",
        *checkout.options(),
        *(f"{root}/{one}" for one in tests),
    )
    started_at = time.monotonic()
    with output.open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=workspace,
            env=_environment(checkout, workspace, home, outcomes, plugin),
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            while True:
                try:
                    process.wait(_SAY_EVERY_SECONDS)
                    break
                except subprocess.TimeoutExpired:
                    say(f"{name} the plugin: {_progress(outcomes)}, {time.monotonic() - started_at:.0f} s")
        finally:
            process.kill()
            process.wait()
    say(
        f"{name} the plugin: {_progress(outcomes)}, {time.monotonic() - started_at:.0f} s; output in {output}"
    )
    try:
        return Run.read(outcomes)
    except RunError as error:
        raise RunError(f"{error}; exit code {process.returncode}, output in {output}") from None


def _environment(
    checkout: Checkout, workspace: Path, home: Path, outcomes: Path, plugin: Path | None
) -> dict[str, str]:
    # Airflow's tests delete all its options from the environment except the URL of the database. The plugin is
    # therefore taken away by its folder, not switched off by its option.
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PYTHON"))}
    paths = (
        *(workspace / path for path in checkout.layout.paths),
        workspace,
        _INSIDE,
        *([plugin] if plugin else []),
    )
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
        "PYTHONDONTWRITEBYTECODE": "1",  # the checkout is not ours
        "AIRFLOW_SOURCES": str(workspace),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "SCHED_CACHE_OUTCOMES": str(outcomes),
    }


def _progress(file: Path) -> str:
    n_collected, n_done, n_failed = 0, 0, 0
    for line in _lines(file):
        n_collected = line.get("collected", n_collected)
        n_done += "test" in line
        n_failed += line.get("outcome") == "failed"
    return f"{n_done} of {n_collected or '?'} tests, {n_failed} failed"


def _lines(file: Path) -> Iterator[Mapping[str, Any]]:
    if not file.exists():
        return
    for line in file.read_text().splitlines():
        try:
            yield json.loads(line)
        except ValueError:  # being written
            return

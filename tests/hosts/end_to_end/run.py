"""Runs every DAG of ``dags/`` on a real installation of either host and writes down how everything ended."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.hosts.end_to_end import history
from tests.hosts.end_to_end.installation import Installation
from tests.hosts.subject import SUBJECTS

DAGS = Path(__file__).parent / "dags"
# DAG -> names of the runs that are created through the API.
TRIGGERED = {
    "branches": ["first"],
    "trigger_rules": ["first"],
    "failures": ["first"],
    "fail_fast": ["first"],
    "mapped": ["first"],
    "mapped_groups": ["first"],
    "setup_teardown": ["first"],
    "sensors": ["first"],
    "deferrable": ["first"],
    "asset_producer": ["first"],
    "limits": ["first", "second"],
    "run_timeout": ["first"],
    "controller": ["first"],
}
# DAGs of one run each, created by an asset, the schedule and another DAG.
_STARTED_BY_OTHERS = ("asset_consumer", "once", "controlled")
_N_DAGS = len(TRIGGERED) + len(_STARTED_BY_OTHERS)
_N_RUNS = sum(map(len, TRIGGERED.values())) + len(_STARTED_BY_OTHERS)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How everything ended.

    Attributes:
        logs: process name to everything it wrote.
        seconds: from the first run's creation to the last run's end.
    """

    history: history.History
    logs: Mapping[str, str]
    seconds: float

    @property
    def n_tasks(self) -> int:
        """How many task instances the runs had."""
        return sum(len(run["tasks"]) for run in self.history.values())


def run_to_the_end(
    installation: AbstractContextManager[Installation],
    *,
    is_current: str = "NOT is_stale",
    disturb: Callable[[Installation], None] | None = None,
    timeout_seconds: float = 600.0,
) -> Outcome:
    """Runs every DAG to its end; some 75 s on two idle processors.

    Args:
        installation: with the DAGs of `DAGS` in its folder.
        is_current: a condition on the host's table ``dag``.
        disturb: called once when the triggered runs have been created; may kill and restart what it likes.

    Raises:
        TimeoutError: names the runs that did not end.
    """
    with installation as installed:
        url = installed.database_url
        installed.wait_until(
            lambda: (
                history.n_current_dags(url, is_current=is_current) == _N_DAGS
                or bool(history.import_errors(url))
            ),
            what="not every DAG was parsed",
            timeout_seconds=timeout_seconds / 2,
        )
        assert not history.import_errors(url), history.import_errors(url)
        begun = time.monotonic()
        installed.trigger(
            [f"{dag_id}/{run_id}" for dag_id, run_ids in TRIGGERED.items() for run_id in run_ids]
        )
        if disturb is not None:
            disturb(installed)
        with contextlib.suppress(TimeoutError):
            installed.wait_until(
                lambda: history.n_runs(url) == _N_RUNS and not history.unfinished_runs(url),
                what="not every run ended",
                timeout_seconds=timeout_seconds,
            )
        seconds = time.monotonic() - begun
        left = history.unfinished_runs(url)
        if left or history.n_runs(url) != _N_RUNS:
            raise TimeoutError(f"{history.n_runs(url)} of {_N_RUNS} runs exist, unfinished: {left}")
        logs = {name: process.log.read_text() for name, process in installed.running.items()}
        return Outcome(history.read_history(url), logs, seconds)


def main(
    run_everything: Callable[..., Outcome],
    expected: Path,
    *,
    databases: Sequence[str] = (),
    arguments: Sequence[str] | None = None,
) -> None:
    """The command of one host: prints the history as JSON and the time it took.

    Args:
        run_everything: of the host; gets the subject, and `database` where there is a choice.
        expected: the file that the tests compare with.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("subject", choices=[subject.name for subject in SUBJECTS])
    if databases:
        parser.add_argument("--database", choices=databases, default=databases[0])
    parser.add_argument("--expected", action="store_true", help=f"write {expected.name}")
    parser.add_argument("--logs", type=Path, help="write what every process wrote into this directory")
    chosen = parser.parse_args(arguments)
    (subject,) = (subject for subject in SUBJECTS if subject.name == chosen.subject)
    options: dict[str, Any] = {"database": chosen.database} if databases else {}
    begun = time.monotonic()
    outcome = run_everything(subject, **options)
    total = time.monotonic() - begun
    text = json.dumps(outcome.history, indent=1, sort_keys=True) + "\n"
    if chosen.expected:
        expected.write_text(text)
    else:
        print(text)
    if chosen.logs is not None:
        chosen.logs.mkdir(parents=True, exist_ok=True)
        for name, log in outcome.logs.items():
            (chosen.logs / f"{name}.log").write_text(log)
    counted = f"{len(outcome.history)} runs, {outcome.n_tasks} task instances"
    print(f"{counted}, {outcome.seconds:.0f} s of {total:.0f} s", file=sys.stderr)

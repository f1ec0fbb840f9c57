"""Run every DAG on a real installation and write down how everything ended.

``python -m tests.airflow2.end_to_end.run stock`` prints the history as JSON and the time it took;
``--expected`` writes it where the test looks for it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.airflow2.end_to_end.installation import DATABASES, FOLDER, Installation, installation
from tests.airflow3.end_to_end import history
from tests.airflow3.end_to_end.run import TRIGGERED, Outcome
from tests.airflow3.support.subject import SUBJECTS, Subject

EXPECTED = FOLDER / "expected_history.json"
_STARTED_BY_OTHERS = ("asset_consumer", "once", "controlled")
_N_DAGS = len(TRIGGERED) + len(_STARTED_BY_OTHERS)
_N_RUNS = sum(map(len, TRIGGERED.values())) + len(_STARTED_BY_OTHERS)


def run_everything(
    subject: Subject,
    *,
    database: str = "postgresql",
    options: Mapping[str, str] | None = None,
    disturb: Callable[[Installation], None] | None = None,
    timeout_seconds: float = 240.0,
) -> Outcome:
    """Run every DAG to its end.

    Args:
        options: more environment variables of every process.
        disturb: called once when the triggered runs have been created; may kill and restart what it likes.

    Raises:
        TimeoutError: names the runs that did not end.
    """
    with installation(subject, database=database, options=options) as installed:
        url = installed.database_url
        installed.wait_until(
            lambda: (
                history.n_current_dags(url, is_current="is_active") == _N_DAGS
                or bool(history.import_errors(url))
            ),
            what="not every DAG was parsed",
            timeout_seconds=90,
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("subject", choices=[subject.name for subject in SUBJECTS])
    parser.add_argument("--database", choices=list(DATABASES), default="postgresql")
    parser.add_argument("--expected", action="store_true", help=f"write {EXPECTED.name}")
    parser.add_argument("--logs", type=Path, help="write what every process wrote into this directory")
    chosen = parser.parse_args()
    (subject,) = (subject for subject in SUBJECTS if subject.name == chosen.subject)
    outcome = run_everything(subject, database=chosen.database)
    text = json.dumps(outcome.history, indent=1, sort_keys=True) + "\n"
    if chosen.expected:
        EXPECTED.write_text(text)
    else:
        print(text)
    if chosen.logs is not None:
        chosen.logs.mkdir(parents=True, exist_ok=True)
        for name, log in outcome.logs.items():
            (chosen.logs / f"{name}.log").write_text(log)
    counted = f"{len(outcome.history)} runs, {outcome.n_tasks} task instances"
    print(f"{counted}, {outcome.seconds:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()

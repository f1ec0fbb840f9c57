"""Edit a DAG every second while runs of it are created through API, command line and schedule.

Every run must end with exactly the tasks of the content it ends on: that of the newest version which any of
its task instances carries. ``python -m tests.airflow3.end_to_end.edit_storm stock --seconds 120`` prints what
was lost. Each edit replaces one task of the DAG by a new one, so no two contents have the same tasks.
"""

from __future__ import annotations

import argparse
import itertools
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

from tests.airflow3.end_to_end.installation import Installation, installation
from tests.airflow3.support.content import DagContent
from tests.airflow3.support.rest_client import RefusedError, RestClient
from tests.hosts.end_to_end import history
from tests.hosts.end_to_end.installation import assert_running
from tests.hosts.rows import rows, value
from tests.hosts.subject import SUBJECTS, Subject

DAG_ID = "storm"
_STAYING = tuple(f"stays_{number}" for number in range(40))
_OPTIONS = {
    # Else Airflow writes a DAG at most every 30 s, and the storm would be two gusts a minute.
    "AIRFLOW__CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "1",
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "1",
    "AIRFLOW__SCHEDULER__MAX_DAGRUNS_PER_LOOP_TO_SCHEDULE": "50",
}
# The newest version on any instance of a run, the tasks of its content, and those of the run.
_RUNS = """
SELECT r.run_type || ' ' || r.triggered_by, r.run_id, r.state,
       ARRAY(SELECT t->'__var'->>'task_id' FROM jsonb_array_elements(s.data::jsonb->'dag'->'tasks') t),
       ARRAY(SELECT i.task_id FROM task_instance i
             WHERE i.dag_id = r.dag_id AND i.run_id = r.run_id AND i.state IS DISTINCT FROM 'removed')
FROM dag_run r
JOIN LATERAL (SELECT v.id FROM task_instance i JOIN dag_version v ON v.id = i.dag_version_id
              WHERE i.dag_id = r.dag_id AND i.run_id = r.run_id
              ORDER BY v.version_number DESC LIMIT 1) newest ON true
JOIN serialized_dag s ON s.dag_version_id = newest.id
WHERE r.id <= %s
ORDER BY r.id
"""


@dataclass(frozen=True, slots=True)
class Loss:
    """A run that did not end with the tasks of its content."""

    creator: str
    run_id: str
    missing: tuple[str, ...]
    left_over: tuple[str, ...]


@dataclass(slots=True)
class Report:
    """The result of the storm.

    Attributes:
        n_runs: how many runs ended, by who created them.
        refused: what was not created, by the reason given.
    """

    n_edits: int = 0
    n_versions: int = 0
    n_runs: Counter[str] = field(default_factory=Counter)
    losses: list[Loss] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        runs = ", ".join(f"{count} {creator}" for creator, count in sorted(self.n_runs.items()))
        lost = Counter(loss.creator for loss in self.losses)
        return (
            f"{self.n_edits} edits, {self.n_versions} versions, {self.n_runs.total()} runs ({runs}), "
            f"{len(self.losses)} with wrong tasks {dict(lost)}, refused {dict(self.refused)}"
        )


def content(generation: int) -> DagContent:
    """The ``generation``-th content of the file."""
    return DagContent(
        DAG_ID,
        (*_STAYING, f"only_{generation}"),
        command=None,
        schedule=2,
        dag_options={"max_active_runs": 1000},
    )


def storm(subject: Subject, *, seconds: float, n_clients: int = 2, n_commands: int | None = None) -> Report:
    """Edit for ``seconds``, let every run end, and compare.

    Args:
        n_clients: threads that create one run after another through the API.
        n_commands: how many ``airflow dags trigger`` to start; by default one after another all the time.
    """
    report = Report()
    with installation(subject, options=_OPTIONS) as installed:
        content(0).save(installed.home.dags)
        url = installed.database_url
        installed.wait_until(lambda: history.n_current_dags(url) == 1, what="no DAG", timeout_seconds=60)
        over = threading.Event()
        creators = [
            threading.Thread(target=_create_runs, args=(installed.client, f"api_{number}", over, report))
            for number in range(n_clients)
        ]
        creators.append(threading.Thread(target=_run_commands, args=(installed, over, n_commands, report)))
        for creator in creators:
            creator.start()
        try:
            end = time.monotonic() + seconds
            for generation in itertools.count(1):
                content(generation).save(installed.home.dags)
                report.n_edits = generation
                time.sleep(1.0)
                assert_running(installed.running)
                if time.monotonic() > end:
                    break
        finally:
            over.set()
            for creator in creators:
                creator.join()
        # The schedule goes on; runs that it creates from now on are nobody's business.
        last = _last_run(url)
        installed.wait_until(
            lambda: _n_unfinished(url, last) == 0, what="not every run ended", timeout_seconds=400
        )
        _compare(url, last, report)
    return report


def _create_runs(client: RestClient, name: str, over: threading.Event, report: Report) -> None:
    for number in itertools.count():
        if over.is_set():
            return
        try:
            client.trigger(DAG_ID, f"{name}_{number}")
        except RefusedError as error:
            report.refused[str(error)] += 1


def _run_commands(
    installed: Installation, over: threading.Event, n_commands: int | None, report: Report
) -> None:
    for number in itertools.count():
        if over.is_set() or number == n_commands:
            return
        command = [
            sys.executable,
            "-m",
            "airflow",
            "dags",
            "trigger",
            DAG_ID,
            "--run-id",
            f"command_{number}",
        ]
        environment = dict(installed.environment)
        done = subprocess.run(
            command,
            env=environment,
            cwd=installed.home.path,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        if done.returncode != 0:
            lines = (done.stdout + done.stderr).strip().splitlines()
            report.refused[lines[-1] if lines else f"exit status {done.returncode}"] += 1


def _last_run(url: str) -> int:
    return int(value(url, "SELECT max(id) FROM dag_run"))


def _n_unfinished(url: str, last: int) -> int:
    statement = "SELECT count(*) FROM dag_run WHERE id <= %s AND state IN ('queued', 'running')"
    return int(value(url, statement, [last]))


def _compare(url: str, last: int, report: Report) -> None:
    report.n_versions = value(url, "SELECT count(*) FROM dag_version")
    for creator, run_id, state, tasks, instances in rows(url, _RUNS, [last]):
        assert state in ("success", "failed"), (run_id, state)
        report.n_runs[creator] += 1
        missing, left_over = set(tasks) - set(instances), set(instances) - set(tasks)
        if missing or left_over:
            report.losses.append(Loss(creator, run_id, tuple(sorted(missing)), tuple(sorted(left_over))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("subject", choices=[subject.name for subject in SUBJECTS])
    parser.add_argument("--seconds", type=float, default=120.0)
    chosen = parser.parse_args()
    (subject,) = (subject for subject in SUBJECTS if subject.name == chosen.subject)
    report = storm(subject, seconds=chosen.seconds)
    for loss in report.losses[:20]:
        print(loss)
    print(report)


if __name__ == "__main__":
    main()

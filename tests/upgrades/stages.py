"""The runs of ``dags/held.py`` from gate to gate, while the installation changes."""

from __future__ import annotations

import time
from collections import Counter

from tests.hosts.end_to_end import history
from tests.hosts.rows import value
from tests.upgrades.executions import Ended, noted, read_end
from tests.upgrades.installation import Installation
from tests.upgrades.node import Node

_EVERY_TIME = ("sensors", "killed", "deferred", "mapped", "rules", "retried", "one_at_a_time", "edited")
RUNS = (
    [f"{dag_id}/first" for dag_id in (*_EVERY_TIME, "producer")] + ["one_at_a_time/queued"],
    [f"{dag_id}/second" for dag_id in _EVERY_TIME],
    [f"{dag_id}/third" for dag_id in _EVERY_TIME],
)
"""The runs that are created at each stage."""
REACHED: tuple[dict[str, int], ...] = (
    {
        "sensors first worked": 1,
        "killed until_1 began": 1,
        "deferred until_1 deferred": 1,
        "mapped numbers worked": 1,
        "rules fails failed": 1,
        "retried second_time tried": 1,
        "one_at_a_time first worked": 1,
        "daily begins worked": 3,
        "daily last worked": 2,
        "producer produce_now worked": 1,
        "consumer_now first worked": 1,
    },
    {
        "sensors second worked": 2,
        # The first run began it twice: it was killed.
        "killed until_1 began": 3,
        "killed until_2 began": 2,
        "deferred until_2 deferred": 2,
        "mapped double worked": 6,
        "rules one_failed worked": 2,
        "rules all_done worked": 2,
        "retried again tried": 2,
        "one_at_a_time last worked": 3,
        "daily begins worked": 5,
        "daily last worked": 4,
        "consumer_later first worked": 1,
        "edited since_1 worked": 2,
    },
)
"""The executions, by DAG, task and word, after which no task of a stage goes on before the next gate opens."""
_QUIET_SECONDS = 6.0
# Tasks that a stop must not interrupt: an interrupted one is executed again. Sensors and held tasks are always there.
_BUSY = """
SELECT count(*) FROM task_instance WHERE state IN ('running', 'queued', 'scheduled') AND dag_id <> 'killed'
AND task_id NOT LIKE 'gate%' AND task_id <> 'its_turn'
"""


def play_stage(installed: Installation, number: int, node: Node) -> None:
    """Opens the gate of the stage, creates its runs, and returns when all of them wait for the next gate."""
    if number > 0:
        installed.open_gate(number)
    node.create_runs(RUNS[number], installed.shared)
    try:
        installed.wait_until(lambda: not _missing(installed, number), what="", timeout_seconds=900)
    except TimeoutError:
        raise TimeoutError(f"stage {number} reached only {_missing(installed, number)}") from None
    _wait_until_quiet(installed)


def play_last_stage(installed: Installation, node: Node) -> Ended:
    """Opens the last gate, creates the last runs, and returns when every run has ended."""
    installed.open_gate(len(RUNS) - 1)
    node.create_runs(RUNS[-1], installed.shared)
    url = installed.database_url
    try:
        installed.wait_until(lambda: not history.unfinished_runs(url), what="", timeout_seconds=900)
        _wait_until_quiet(installed)
        installed.wait_until(lambda: not history.unfinished_runs(url), what="", timeout_seconds=300)
    except TimeoutError:
        raise TimeoutError(f"did not end: {history.unfinished_runs(url)}") from None
    return read_end(installed.home.path, url)


def _missing(installed: Installation, number: int) -> dict[str, int]:
    counts = Counter(f"{dag_id} {task} {word}" for dag_id, _, task, _, word in noted(installed.home.path))
    return {name: counts[name] for name, n_times in REACHED[number].items() if counts[name] < n_times}


def _wait_until_quiet(installed: Installation) -> None:
    """No task has noted anything for a while, and none is queued or running but those that wait for a gate."""
    url = installed.database_url
    seen, since = -1, time.monotonic()

    def is_quiet() -> bool:
        nonlocal seen, since
        n_noted = len(noted(installed.home.path)) + 1000 * history.n_runs(url)
        if n_noted != seen or value(url, _BUSY):
            seen, since = n_noted, time.monotonic()
        return time.monotonic() - since > _QUIET_SECONDS

    installed.wait_until(is_quiet, what="tasks went on and on", timeout_seconds=600)

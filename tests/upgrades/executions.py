"""The executions of tasks, counted by the tasks themselves, and the history that the database has of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.hosts.end_to_end.history import History, read_history, run_names, without_tries


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of all runs.

    Attributes:
        history: the states of runs and task instances.
        executions: ``dag_id/run task_id[map_index] word`` to the number of times.
    """

    history: History
    executions: Counter[str]


def noted(home: Path) -> list[tuple[str, str, str, int, str]]:
    """dag_id, run_id, task_id, map_index and word of each execution, in order."""
    path = home / "executions"
    lines = path.read_text().splitlines() if path.exists() else []
    split = [line.split(" ", 4) for line in lines]
    return [(dag_id, run_id, task, int(index), word) for dag_id, run_id, task, index, word in split]


def read_end(home: Path, database_url: str) -> Ended:
    """The end, with runs named so that two installations can be compared.

    Tries are left out: a sensor that is killed while it looks has one more.
    """
    names = run_names(database_url)
    executions: Counter[str] = Counter()
    for dag_id, run_id, task, index, word in noted(home):
        shown = task if index < 0 else f"{task}[{index}]"
        executions[f"{names[dag_id, run_id]} {shown} {word}"] += 1
    return Ended(without_tries(read_history(database_url)), executions)

"""The history of every run and task instance, in a form that allows to compare two executions."""

from __future__ import annotations

from typing import Any

from tests.hosts.rows import rows, value

# run -> {"state": ..., "tasks": {"task_id" or "task_id[map_index]": "state after n tries"}}
History = dict[str, dict[str, Any]]

_RUNS = "SELECT dag_id, run_id, run_type, state FROM dag_run ORDER BY dag_id, id"
_TASKS = "SELECT dag_id, run_id, task_id, map_index, state, try_number FROM task_instance ORDER BY 1, 2, 3, 4"


def run_names(database_url: str) -> dict[tuple[str, str], str]:
    """dag_id and run_id to ``dag_id/run``; a run named by its time is called after its kind and number instead."""
    names: dict[tuple[str, str], str] = {}
    counts: dict[tuple[str, str], int] = {}
    for dag_id, run_id, run_type, _ in rows(database_url, _RUNS):
        name = run_id
        if run_type != "manual":
            counts[dag_id, run_type] = counts.get((dag_id, run_type), 0) + 1
            name = f"{run_type} {counts[dag_id, run_type]}"
        names[dag_id, run_id] = f"{dag_id}/{name}"
    return names


def read_history(database_url: str) -> History:
    """Every run under its name (`run_names`)."""
    names = run_names(database_url)
    history: History = {}
    for dag_id, run_id, _, state in rows(database_url, _RUNS):
        history[names[dag_id, run_id]] = {"state": state, "tasks": {}}
    for dag_id, run_id, task_id, map_index, state, tries in rows(database_url, _TASKS):
        task = task_id if map_index < 0 else f"{task_id}[{map_index}]"
        history[names[dag_id, run_id]]["tasks"][task] = f"{state} after {tries}"
    return history


def without_tries(history: History) -> History:
    """The history without how often each task was tried."""
    return {
        run: {
            "state": ended["state"],
            "tasks": {task: state.partition(" after ")[0] for task, state in ended["tasks"].items()},
        }
        for run, ended in history.items()
    }


def unfinished_runs(database_url: str) -> list[str]:
    """``dag_id/run_id`` of every run that is queued or running."""
    unfinished = rows(database_url, "SELECT dag_id, run_id FROM dag_run WHERE state IN ('queued', 'running')")
    return [f"{dag_id}/{run_id}" for dag_id, run_id in unfinished]


def n_runs(database_url: str) -> int:
    """How many runs there are."""
    return int(value(database_url, "SELECT count(*) FROM dag_run"))


def n_ended_tasks(database_url: str) -> int:
    """How many task instances have run to an end; those that never ran do not count."""
    statement = "SELECT count(*) FROM task_instance WHERE end_date IS NOT NULL AND pid IS NOT NULL"
    return int(value(database_url, statement))


def n_current_dags(database_url: str, *, is_current: str = "NOT is_stale") -> int:
    """How many DAGs have been parsed and are not paused."""
    statement = (
        "SELECT count(DISTINCT dag_id) FROM dag JOIN serialized_dag USING (dag_id) "
        f"WHERE {is_current} AND NOT is_paused"
    )
    return int(value(database_url, statement))


def import_errors(database_url: str) -> list[str]:
    """The last line of why each file could not be parsed."""
    errors = rows(database_url, "SELECT filename, stacktrace FROM import_error")
    return [f"{name}: {trace.strip().splitlines()[-1]}" for name, trace in errors]

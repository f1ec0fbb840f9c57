"""`TaskInstance.get_dagrun` without a view of all attributes."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from sched_cache_airflow.fast_path.get_dagrun import get_dagrun


def _stock(self: object, *arguments: object, **options: object) -> object:
    return "stock", arguments, options


def test_the_loaded_run_gets_the_dag_of_the_task() -> None:
    """As the host has it: whoever decides the task instance finds the DAG that its task is of."""
    run = SimpleNamespace(dag="another")
    ti = SimpleNamespace(dag_run=run, task=SimpleNamespace(dag="the task's"))
    assert get_dagrun(_stock)(ti, session=None) is run
    assert run.dag == "the task's"


@pytest.mark.parametrize("more", [{}, {"task": None}])
def test_without_a_task_the_loaded_run_keeps_its_dag(more: dict[str, None]) -> None:
    """A task instance that nobody decides has none."""
    run = SimpleNamespace(dag="its own")
    assert get_dagrun(_stock)(SimpleNamespace(dag_run=run, **more)) is run
    assert run.dag == "its own"


@pytest.mark.parametrize("loaded", [{}, {"dag_run": None}])
def test_what_is_not_loaded_is_the_hosts(loaded: dict[str, None]) -> None:
    """It reads the run from the database, and keeps it."""
    assert get_dagrun(_stock)(SimpleNamespace(**loaded), session=1) == ("stock", (), {"session": 1})
    assert get_dagrun(_stock)(SimpleNamespace(**loaded), 1) == ("stock", (1,), {})

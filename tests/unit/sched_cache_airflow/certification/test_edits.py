"""An edit of a trial leaves a DAG that a host can read."""

from __future__ import annotations

from itertools import pairwise
from random import Random
from types import SimpleNamespace
from typing import Any, cast

import pytest

from sched_cache_airflow.certification.corners import corners
from sched_cache_airflow.certification.decided_dag import DecidedDag
from sched_cache_airflow.certification.random_run import random_run


def _edited(tasks: list[Any], seed: int, n_edits: int) -> list[list[Any]]:
    """The tasks after each edit."""
    found: list[list[Any]] = []
    run = SimpleNamespace(random=Random(seed), tasks=tasks)
    run._write = lambda: found.append(list(run.tasks))
    for _ in range(n_edits):
        DecidedDag._edit(cast(DecidedDag, run))
    return found


@pytest.mark.parametrize("seed", range(20))
def test_no_task_that_others_need_is_taken_away(seed: int) -> None:
    """Those of corners are in any order, so that the last one may be the one that another is expanded over."""
    random = Random(seed)
    for tasks in (corners(random).tasks, random_run(random).tasks):
        for edited in _edited(tasks, seed, n_edits=10):
            names = {task.task_id for task in edited}
            assert len(names) == len(edited)
            for task in edited:
                over = (task.over, task.group.over if task.group else None)
                assert {*task.downstream} | {one for one in over if isinstance(one, str)} <= names


def test_tasks_are_added_and_taken_away() -> None:
    sizes = [len(tasks) for tasks in _edited(corners(Random(1)).tasks, seed=1, n_edits=20)]
    changes = {after - before for before, after in pairwise(sizes)}
    assert changes == {-1, 1}

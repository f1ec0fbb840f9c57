"""The corners of a trial are in one run, and none touches another."""

from __future__ import annotations

from random import Random

from sched_cache_airflow.certification.corners import corners


def _corner(name: str) -> str:
    return name.partition("_")[0]


def test_every_edge_and_every_row_is_of_one_corner() -> None:
    run = corners(Random(1))
    names = [task.task_id for task in run.tasks]
    assert len({*names}) == len(names)
    for task in run.tasks:
        over = [task.over] if isinstance(task.over, str) else []
        group = [task.group.group_id] if task.group else []
        for other in (*task.downstream, *over, *group):
            assert _corner(other) == _corner(task.task_id)
        assert {*task.downstream, *over} <= {*names}
        assert all(task.task_id.startswith(f"{one}.") for one in group)
    assert {task_id for task_id, _ in run.rows} <= {*names} and {*run.lengths} <= {*names}


def test_the_seed_changes_only_the_order_of_tasks() -> None:
    one, other = corners(Random(1)), corners(Random(2))
    assert one.rows == other.rows and one.lengths == other.lengths
    assert [task.task_id for task in one.tasks] != [task.task_id for task in other.tasks]
    assert sorted(map(str, one.tasks)) == sorted(map(str, other.tasks))

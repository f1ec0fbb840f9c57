"""Situations that random rows rarely make, each of which some line of the host's trigger rules is written for.

Each is a small DAG with rows that lead into its line in the first loop, whatever the seed. Their names have a prefix of
their own, so that one run has all of them without one touching another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, Final

from sched_cache_airflow.certification.dag_document import GroupSpec, TaskSpec
from sched_cache_airflow.certification.random_run import RunSpec

_SETUP: Final = {"is_setup": True}
_TEARDOWN: Final = {"is_teardown": True, "trigger_rule": "all_done_setup_success"}
_THREE: Final = ("value",) * 3


Rows = Mapping[str, Sequence[str | None]]


@dataclass(frozen=True, slots=True)
class _Corner:
    """rows: task -> the states of its map indices; a task that is not mapped has one, and an absent task has no row.
    unexpanded: the mapped tasks of which the first row has no map index."""

    tasks: Sequence[TaskSpec]
    rows: Rows
    unexpanded: Sequence[str] = ()
    lengths: Mapping[str, int] = field(default_factory=dict)


def _revised_without_a_value() -> _Corner:
    """An expanded task is ready, and the value that it is mapped over is gone."""
    tasks = [TaskSpec("source", ["over"]), TaskSpec("over", over="source")]
    return _Corner(tasks, {"source": ["success"], "over": [None, None]})


def _removed_above() -> _Corner:
    """Instances above were removed, so that the instances which they fed are too many."""
    tasks = [TaskSpec("wide", ["narrow"], over=_THREE), TaskSpec("narrow", over=_THREE)]
    return _Corner(tasks, {"wide": ["success", "removed", "removed"], "narrow": [None] * 3})


def _removed_setups() -> _Corner:
    """The same with instances of a setup further above."""
    tasks = [
        TaskSpec("setup", ["between"], over=_THREE, fields=_SETUP),
        TaskSpec("between", ["narrow"]),
        TaskSpec("narrow", over=_THREE),
    ]
    rows: Rows = {"setup": ["success", "removed", "removed"], "between": ["success"], "narrow": [None] * 3}
    return _Corner(tasks, rows)


def _scope(**inside: Any) -> list[TaskSpec]:
    """A teardown below a task that ends the scope of its setup. inside: of the task in between."""
    return [
        TaskSpec("setup", ["inside", "teardown"], fields=_SETUP),
        TaskSpec("inside", ["last"], **inside),
        TaskSpec("last", ["teardown"]),
        TaskSpec("teardown", fields=_TEARDOWN),
    ]


def _scope_of_one() -> _Corner:
    """A teardown whose scope is not mapped, and done."""
    rows: Rows = {"setup": ["success"], "inside": ["success"], "last": ["success"], "teardown": [None]}
    return _Corner(_scope(), rows)


def _scope_without_rows() -> _Corner:
    """A teardown whose scope is mapped, and has no rows."""
    rows: Rows = {"setup": ["success"], "last": ["success"], "teardown": [None]}
    return _Corner(_scope(over=_THREE), rows)


def _mapped_in_a_group() -> _Corner:
    """A mapped task in a mapped group, unexpanded, with a rule that one task above can satisfy."""
    group = GroupSpec("group", ["value"] * 2)
    tasks = [
        TaskSpec("source", ["group.below"]),
        TaskSpec("group.above", ["group.below"], group=group),
        TaskSpec("group.below", group=group, over="source", fields={"trigger_rule": "one_success"}),
    ]
    rows: Rows = {
        "source": ["success"],
        "group.above": ["success", None],
        "group.below": [None],
    }
    return _Corner(tasks, rows, ["group.below"], {"source": 2})


def _sensors() -> _Corner:
    """Sensors that have asked for no time: a mapped one, and one that does not wait by asking."""
    fields = {"_is_sensor": True}
    tasks = [TaskSpec("mapped", over=_THREE, fields=fields), TaskSpec("poking", fields=fields)]
    return _Corner(tasks, {"mapped": [None] * 3, "poking": [None]})


def _empty_value() -> _Corner:
    """A task that is mapped over a value of no length."""
    tasks = [TaskSpec("source", ["over"]), TaskSpec("over", over="source")]
    return _Corner(tasks, {"source": ["success"], "over": [None]}, ["over"], {"source": 0})


def _fewer_than_before() -> _Corner:
    """A task that is expanded again, over a value that was longer when it ran."""
    tasks = [TaskSpec("source", ["over"]), TaskSpec("over", over="source")]
    rows: Rows = {"source": ["success"], "over": [None, "success", "success"]}
    return _Corner(tasks, rows, ["over"], {"source": 1})


def _below(
    rule: str, *above: str, over: Sequence[str] | None = None, fields: Mapping[str, Any] | None = None
) -> _Corner:
    """A task with this rule below tasks that have ended in these states. fields: of those above."""
    names = [f"above{number}" for number in range(len(above))]
    rows: Rows = {name: [state] for name, state in zip(names, above, strict=True)}
    tasks = [TaskSpec(name, ["below"], fields=fields or {}) for name in names]
    tasks.append(TaskSpec("below", over=over, fields={"trigger_rule": rule}))
    return _Corner(tasks, {**rows, "below": [None] * len(over or "1")})


_CORNERS: Final = (
    _revised_without_a_value(),
    _removed_above(),
    _removed_setups(),
    _scope_of_one(),
    _scope_without_rows(),
    _mapped_in_a_group(),
    _sensors(),
    _empty_value(),
    _fewer_than_before(),
    _below("none_failed_min_one_success", "skipped", "skipped"),
    _below("none_failed_min_one_success", "skipped", "removed"),
    _below("all_done_min_one_success", "failed", "failed"),
    _below("all_done_setup_success", "skipped", "skipped", fields=_SETUP),
    _below("all_done_setup_success", "failed", "skipped", fields=_SETUP),
    *(
        _below(rule, "failed", "removed", over=_THREE)
        for rule in ("all_success", "all_failed", "none_failed", "all_done_min_one_success")
    ),
)


def corners(random: Random) -> RunSpec:
    """One run with all of them. `random` only orders the tasks."""
    run = RunSpec([])
    for number, corner in enumerate(_CORNERS):
        _add(run, corner, f"corner{number}_")
    random.shuffle(run.tasks)
    return run


def _add(run: RunSpec, corner: _Corner, prefix: str) -> None:
    tasks = {task.task_id: task for task in corner.tasks}
    for task in corner.tasks:
        over, group = task.over, task.group
        run.tasks.append(
            replace(
                task,
                task_id=prefix + task.task_id,
                downstream=[prefix + name for name in task.downstream],
                group=None if group is None else replace(group, group_id=prefix + group.group_id),
                over=prefix + over if isinstance(over, str) else over,
            )
        )
    for name, states in corner.rows.items():
        is_expanded = (tasks[name].over or tasks[name].group) and name not in corner.unexpanded
        for map_index, state in enumerate(states, 0 if is_expanded else -1):
            run.rows[prefix + name, map_index] = state
    run.lengths.update({prefix + name: length for name, length in corner.lengths.items()})

"""Runs in which the host's pass changes, on its way, what a task instance further on is decided by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sched_cache.scheduling import HostPass
from sched_cache_airflow.certification.dag_document import GroupSpec, TaskSpec
from sched_cache_airflow.certification.random_run import RunSpec


@dataclass(frozen=True, slots=True)
class MovingRun:
    """`task_id` waits by the snapshot, and yet the host does something about it in the same pass."""

    run: RunSpec
    task_id: str
    host_pass: HostPass = HostPass.READY


_GROUP = GroupSpec("group", ["value", "value"])
_FAILING = {("before", -1): "failed", ("source", -1): None, ("task", -1): None}

# The host examines them in the order of their names, so the task that moves has the lesser name.
MOVING_RUNS: Mapping[str, MovingRun] = {
    "its upstream is expanded": MovingRun(
        RunSpec(
            [TaskSpec("group.first", ["group.task"], _GROUP), TaskSpec("group.task", [], _GROUP)],
            {("group.first", -1): None, ("group.task", -1): None},
        ),
        "group.task",
    ),
    "the task it is mapped over is failed": MovingRun(
        RunSpec(
            [TaskSpec("before", ["source"]), TaskSpec("source", ["task"]), TaskSpec("task", over="source")],
            dict(_FAILING),
        ),
        "task",
    ),
    "the task that its group is mapped over is failed": MovingRun(
        RunSpec(
            [
                TaskSpec("before", ["agroup_source"]),
                TaskSpec("agroup_source", ["group.task"]),
                TaskSpec("group.task", [], GroupSpec("group", "agroup_source")),
            ],
            {("before", -1): "failed", ("agroup_source", -1): None, ("group.task", -1): None},
        ),
        "group.task",
    ),
    "the running task it is mapped over is failed": MovingRun(
        RunSpec(
            [TaskSpec("before", ["source"]), TaskSpec("source", ["task"]), TaskSpec("task", over="source")],
            {**_FAILING, ("source", -1): "running"},
        ),
        "task",
        HostPass.PREMATURE,
    ),
    "the task it is mapped over is skipped for want of values": MovingRun(
        RunSpec(
            [
                TaskSpec("source", ["mapped"]),
                TaskSpec("mapped", ["task"], over="source"),
                TaskSpec("task", over="mapped"),
            ],
            {("source", -1): "success", ("mapped", -1): None, ("task", -1): None},
            lengths={"source": 0},
        ),
        "task",
    ),
    "its upstream loses the unexpanded one of two rows": MovingRun(
        RunSpec(
            [TaskSpec("mapped", ["task"], over=["value"]), TaskSpec("task")],
            {("mapped", -1): None, ("mapped", 0): "success", ("task", -1): None},
        ),
        "task",
    ),
}

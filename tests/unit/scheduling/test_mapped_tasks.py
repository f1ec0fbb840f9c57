"""Mapped tasks and mapped groups: what may still change in the middle of the host's pass is never taken
for granted."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from sched_cache.format import decode_dag, encode_dag
from sched_cache.scheduling import AIRFLOW_3, BlockedProof, HostPass, SlimTaskInstances, UpstreamCounts
from sched_cache_airflow.certification.dag_document import GroupSpec, TaskSpec, document_of

Rows = Mapping[tuple[str, int], str | None]

GROUP = GroupSpec("group", "source")
MAPPED = [
    TaskSpec("before", ["source"]),
    TaskSpec("source", ["mapped"]),
    TaskSpec("mapped", ["after"], over="source"),
    TaskSpec("after", []),
]
GROUPED = [
    TaskSpec("before", ["source"]),
    TaskSpec("source", ["group.first"]),
    TaskSpec("group.first", ["group.second"], GROUP),
    TaskSpec("group.second", ["after"], GROUP),
    TaskSpec("after", []),
]


def blocked(tasks: list[TaskSpec], rows: Rows, host_pass: HostPass = HostPass.READY) -> set[tuple[str, int]]:
    encoded = encode_dag(document_of(tasks))
    dag = decode_dag(encoded.hot, encoded.cold)
    slim = SlimTaskInstances.from_rows(dag, [(*key, state) for key, state in rows.items()])
    counts = UpstreamCounts(BlockedProof(dag, AIRFLOW_3))
    counts.update(slim)
    return {slim[row][:2] for row in counts.blocked(host_pass)}


def waiting(tasks: list[TaskSpec], rows: Rows) -> Rows:
    """`rows`, and an unexpanded one that waits for every task that has none."""
    named = {task_id for task_id, _ in rows}
    return {**{(task.task_id, -1): None for task in tasks if task.task_id not in named}, **rows}


def test_behind_a_blocked_source_everything_is_blocked() -> None:
    """Nothing can move, so nothing can move what is mapped over it."""
    assert blocked(MAPPED, waiting(MAPPED, {})) == {("source", -1), ("mapped", -1), ("after", -1)}
    assert blocked(GROUPED, waiting(GROUPED, {})) == {
        (task_id, -1) for task_id in ("source", "group.first", "group.second", "after")
    }


@pytest.mark.parametrize("tasks", [MAPPED, GROUPED])
def test_a_source_that_the_pass_may_change_leaves_it_to_the_host(tasks: list[TaskSpec]) -> None:
    """The host may fail or skip the source in this very pass, and what is mapped over it right after."""
    names = {task_id for task_id, _ in blocked(tasks, waiting(tasks, {("before", -1): "success"}))}
    assert names == {"after"}


def test_what_is_mapped_over_something_mapped_may_change_in_the_same_pass() -> None:
    """If the first of three may be failed in this pass, so may the second, and so may the third."""
    tasks = [
        TaskSpec("source", ["mapped"]),
        TaskSpec("mapped", ["again"], over="source"),
        TaskSpec("again", ["after"], over="mapped"),
        TaskSpec("after", []),
    ]
    assert blocked(tasks, waiting(tasks, {})) == {("after", -1)}


@pytest.mark.parametrize("tasks", [MAPPED, GROUPED])
def test_a_running_source_is_left_alone_by_one_pass_only(tasks: list[TaskSpec]) -> None:
    """`_get_ready_tis` does not look at a running task; `_are_premature_tis` does, and may change it."""
    rows = waiting(tasks, {("before", -1): "success", ("source", -1): "running"})
    assert {task_id for task_id, _ in blocked(tasks, rows)} == {task.task_id for task in tasks[2:]}
    assert {task_id for task_id, _ in blocked(tasks, rows, HostPass.PREMATURE)} == {"after"}


@pytest.mark.parametrize("state", ["failed", "upstream_failed", "skipped", "removed"])
def test_a_source_that_ended_badly_leaves_it_to_the_host(state: str) -> None:
    """`MappedTaskUpstreamDep` marks whatever is mapped over it, in a group even what is not below it."""
    source = {("before", -1): "success", ("source", -1): state}
    assert blocked(GROUPED, waiting(GROUPED, source)) == {("after", -1)}
    expanded = {("group.first", 0): "running", ("group.second", 0): None}
    assert blocked(GROUPED, waiting(GROUPED, {**source, **expanded})) == {("after", -1)}


def test_an_instance_waits_for_its_sibling_of_the_same_index() -> None:
    """The others of that task do not hold it back, so they prove nothing."""
    done = {("before", -1): "success", ("source", -1): "success"}
    first = {("group.first", 0): "success", ("group.first", 1): "running", ("group.first", 2): None}
    second = {("group.second", number): None for number in range(3)}
    rows = waiting(GROUPED, {**done, **first, **second})
    assert blocked(GROUPED, rows) == {("group.second", 1), ("group.second", 2), ("after", -1)}


def test_an_instance_without_a_sibling_is_the_hosts() -> None:
    """Which upstream instances count for it only the host knows."""
    done = {("before", -1): "success", ("source", -1): "success", ("other", -1): "success"}
    tasks = [*GROUPED, TaskSpec("other", ["group.second"])]
    rows = waiting(tasks, {**done, ("group.first", 0): "running", ("group.second", 5): None})
    assert ("group.second", 5) not in blocked(tasks, rows)


def test_a_sibling_that_is_mapped_once_more_proves_nothing() -> None:
    """Its map indexes are not those of the group."""
    group = GroupSpec("group", ["value", "value"])
    tasks = [
        TaskSpec("group.first", ["group.second"], group, over=["value", "value"]),
        TaskSpec("group.second", [], group),
    ]
    rows: dict[tuple[str, int], str | None] = {("group.first", number): "running" for number in range(4)}
    assert blocked(tasks, {**rows, ("group.second", 1): None}) == set()


def test_an_upstream_in_another_group_proves_nothing_by_its_index() -> None:
    """Which of its instances count, if any, only the host knows."""
    tasks = [
        TaskSpec("group.first", ["other.second"], GroupSpec("group", ["value"])),
        TaskSpec("other.second", [], GroupSpec("other", ["value"])),
    ]
    assert blocked(tasks, {("group.first", 0): "running", ("other.second", 0): None}) == set()


def test_an_unexpanded_task_is_not_held_back_by_expanded_siblings() -> None:
    """Once its upstream is expanded the host expands it too: no row of that upstream counts for it any
    more."""
    done = {("before", -1): "success", ("source", -1): "success"}
    rows = waiting(GROUPED, {**done, ("group.first", 0): None, ("group.first", 1): None})
    assert ("group.second", -1) not in blocked(GROUPED, rows)


def test_an_unexpanded_task_is_not_held_back_by_one_about_to_be_expanded() -> None:
    """The host may expand both in this pass, the lower one right after the upper one."""
    rows = waiting(GROUPED, {("before", -1): "success", ("source", -1): "success"})
    assert blocked(GROUPED, rows) == {("after", -1)}


@pytest.mark.parametrize("state", ["failed", "skipped", "removed"])
def test_one_bad_upstream_instance_leaves_them_all_to_the_host(state: str) -> None:
    """Which instances it concerns only the host knows."""
    done = {("before", -1): "success", ("source", -1): "success"}
    first = {("group.first", 0): state, ("group.first", 1): "running"}
    rows = waiting(GROUPED, {**done, **first, ("group.second", 0): None, ("group.second", 1): None})
    assert blocked(GROUPED, rows) == ({("after", -1)})


def test_an_instance_waits_for_a_plain_task_outside_the_group() -> None:
    """All instances depend on it, whatever their index."""
    tasks = [
        TaskSpec("other", ["group.second"]),
        *(task for task in GROUPED if task.task_id not in ("group.first", "before")),
        TaskSpec("group.first", [], GROUP),
    ]
    rows = {
        ("source", -1): "success",
        ("other", -1): None,
        ("group.second", 0): None,
        ("group.second", -1): None,
    }
    assert {("group.second", 0), ("group.second", -1)} <= blocked(tasks, rows)


def test_values_wrapped_in_other_references_are_found() -> None:
    """A map, a zip or a concatenation of values is a reference to every task that gives one."""
    tasks = [TaskSpec("other", ["mapped"]), TaskSpec("source", []), TaskSpec("mapped", [], over=["value"])]
    document = document_of(tasks)
    rows = {("other", -1): None, ("source", -1): None, ("mapped", -1): None}
    reference = {"__type": "xcomref", "__var": {"task_id": "source", "key": "return_value"}}
    for wrapped in (
        reference,
        {"__type": "xcomref", "__var": {"type": "map", "arg": reference["__var"], "callables": ["f"]}},
        {"__type": "xcomref", "__var": {"type": "zip", "args": [reference["__var"], {"task_id": "gone"}]}},
    ):
        document["dag"]["tasks"][2]["__var"]["expand_input"]["value"]["__var"]["argument"] = wrapped
        encoded = encode_dag(document)
        dag = decode_dag(encoded.hot, encoded.cold)
        slim = SlimTaskInstances.from_rows(dag, [(*key, state) for key, state in rows.items()])
        counts = UpstreamCounts(BlockedProof(dag, AIRFLOW_3))
        counts.update(slim)
        assert not counts.blocked()  # `source` is ready: it may be failed in this pass
    assert blocked(tasks, rows) == {("mapped", -1)}

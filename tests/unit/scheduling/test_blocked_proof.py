"""The proof against a model of the host that looks at one task instance at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations_with_replacement
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sched_cache.format import HotFields, decode_dag, encode_dag
from sched_cache.scheduling import (
    AIRFLOW_2,
    AIRFLOW_3,
    BlockedProof,
    HostPass,
    HostRules,
    SlimTaskInstances,
    UpstreamCounts,
)
from sched_cache_airflow.certification.dag_document import GroupSpec, HostName, TaskSpec, document_of
from sched_cache_airflow.certification.random_run import FINISHED, RULES, RunSpec, random_run
from tests.support.scheduling.host_model import HostModel, Judgement

HOSTS: Mapping[HostName, HostRules] = {"airflow2": AIRFLOW_2, "airflow3": AIRFLOW_3}
UNPROVABLE_RULES = ("always", "dummy", "no_such_rule")
"""Met at once, its old name, and a rule that neither we nor the host know."""


def blocked_of(
    run: RunSpec,
    host_name: HostName = "airflow3",
    *,
    host_pass: HostPass = HostPass.PREMATURE,
    decisions: Iterable[str] | None = None,
    document: dict[str, Any] | None = None,
) -> set[tuple[str, int]]:
    """(task_id, map_index) of the blocked task instances of a run."""
    encoded = encode_dag(document or document_of(run.tasks, host_name))
    dag = decode_dag(encoded.hot, encoded.cold)
    rows = SlimTaskInstances.from_rows(dag, [(*key, state) for key, state in run.rows.items()])
    counts = UpstreamCounts(BlockedProof(dag, HOSTS[host_name]))
    counts.update(rows, None if decisions is None else set(decisions))
    return {rows[row][:2] for row in counts.blocked(host_pass)}


def fan_in(states: Sequence[str | None], **fields: Any) -> RunSpec:
    """A run with one task `end` below as many tasks as there are states."""
    names = [f"up{number}" for number in range(len(states))]
    tasks = [*(TaskSpec(name, ["end"]) for name in names), TaskSpec("end", fields=fields)]
    rows = {(name, -1): state for name, state in zip(names, states, strict=True)}
    return RunSpec(tasks, {**rows, ("end", -1): None})


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule not in UNPROVABLE_RULES])
def test_every_rule_in_every_state_of_three_upstreams(rule: str) -> None:
    """Blocked is exactly: the host would wait, and not every upstream is done."""
    for n_upstreams in (1, 2, 3):
        for states in combinations_with_replacement((None, "running", *FINISHED), n_upstreams):
            run = fan_in(states, trigger_rule=rule)
            waits = HostModel(run, "airflow3").judge(run.tasks[-1]) is Judgement.WAITS
            is_done = all(state in FINISHED for state in states)
            is_unknown_to_model = rule == "none_failed_or_skipped"
            if is_unknown_to_model:
                waits = not {"failed", "upstream_failed"}.intersection(states)
            assert (("end", -1) in blocked_of(run)) is (waits and not is_done), states


@pytest.mark.parametrize("rule", UNPROVABLE_RULES)
def test_a_rule_without_a_row_is_the_hosts(rule: str) -> None:
    """About `always`, its old name and unknown rules nothing is proven, not by counting rows either."""
    run = fan_in((None, None), trigger_rule=rule)
    assert not blocked_of(run)
    run.tasks[0] = TaskSpec("up0", ["end"], over=["value"])
    assert not blocked_of(run)


@settings(max_examples=300)
@given(st.randoms(use_true_random=False), st.sampled_from(list(HOSTS)), st.booleans())
def test_blocked_means_that_the_model_waits(
    random: Random, host_name: HostName, with_decisions: bool
) -> None:
    """No task instance is called blocked that the host would find met, or would change."""
    run = random_run(random, max_tasks=9)
    model = HostModel(run, host_name)
    deciders = {task_id for task_id, _ in run.decisions} if with_decisions else None
    blocked = blocked_of(run, host_name, decisions=deciders)
    for task in run.tasks:
        if (task.task_id, -1) in blocked and task.group is None:
            assert model.judge(task) is Judgement.WAITS, task


@given(st.randoms(use_true_random=False), st.sampled_from(list(HOSTS)))
def test_what_waits_for_an_upstream_is_blocked(random: Random, host_name: HostName) -> None:
    """A plain task whose trigger rule waits is blocked, unless something stands near that may change it."""
    run = random_run(random, max_tasks=9)
    model = HostModel(run, host_name)
    deciders = {task_id for task_id, _ in run.decisions}
    expanded = {task_id for task_id, map_index in run.rows if map_index >= 0}
    blocked = blocked_of(run, host_name, decisions=deciders)
    for task in run.tasks:
        is_plain = task.group is None and task.over is None
        is_unfinished = run.rows.get((task.task_id, -1), "no row") in (
            None,
            "up_for_retry",
            "running",
            "queued",
        )
        if not (is_plain and is_unfinished) or task.fields["trigger_rule"] in UNPROVABLE_RULES:
            continue
        upstream = model.upstream(task)
        may_skip = any(
            up.task_id in deciders
            and (host_name == "airflow2" or up.fields.get("_can_skip_downstream"))
            and model.finished([up])
            for up in upstream
        )
        may_lose_a_row = any(up.task_id in expanded and (up.task_id, -1) in run.rows for up in upstream)
        setups = [] if task.fields.get("is_teardown") else model.indirect_setups(task)
        setup_ended_badly = set(model.finished(setups)) - {"success"}
        is_done = model.finished(upstream).total() >= model.expected(upstream)
        if not (may_skip or may_lose_a_row or setup_ended_badly or is_done):
            is_waiting = model.direct_relatives(task) is Judgement.WAITS
            if task.fields["trigger_rule"] != "none_failed_or_skipped":
                assert ((task.task_id, -1) in blocked) is is_waiting, task


def test_a_task_without_upstreams_is_the_hosts() -> None:
    """Nothing holds it back, so nothing is proven."""
    assert not blocked_of(RunSpec([TaskSpec("a")], {("a", -1): None}))


def test_an_upstream_without_a_row_blocks() -> None:
    """The host counts upstream tasks, not rows, and waits for one that will never be."""
    run = fan_in(("success", None))
    del run.rows["up1", -1]
    assert blocked_of(run) == {("end", -1)}


def test_a_rescheduled_or_retried_task_is_blocked_like_any_other() -> None:
    """Retry and reschedule periods and past runs only hold a task back."""
    for state in ("up_for_retry", "up_for_reschedule"):
        run = fan_in(
            (None,), depends_on_past=True, wait_for_downstream=True, _is_sensor=True, reschedule=True
        )
        run.rows["end", -1] = state
        assert ("end", -1) in blocked_of(run, host_pass=HostPass.READY)


def test_each_pass_is_told_about_the_rows_it_looks_at() -> None:
    """A running task is nothing to `_get_ready_tis`; `_are_premature_tis` asks about it too."""
    run = fan_in((None,))
    run.rows["end", -1] = "running"
    assert blocked_of(run, host_pass=HostPass.READY) == set()
    assert blocked_of(run, host_pass=HostPass.PREMATURE) == {("end", -1)}


SETUP = {"is_setup": True}
TEARDOWN = {"is_teardown": True, "trigger_rule": "all_done_setup_success"}


def setup_run(setup_state: str | None) -> RunSpec:
    """setup -> first -> second -> teardown, and setup -> teardown."""
    tasks = [
        TaskSpec("setup", ["first", "teardown"], fields=SETUP),
        TaskSpec("first", ["second"]),
        TaskSpec("second", ["teardown"]),
        TaskSpec("teardown", fields=TEARDOWN),
    ]
    rows: dict[tuple[str, int], str | None] = {(task.task_id, -1): None for task in tasks}
    return RunSpec(tasks, {**rows, ("setup", -1): setup_state})


@pytest.mark.parametrize("state", ["failed", "upstream_failed", "skipped", "removed"])
def test_an_indirect_setup_that_ended_badly_makes_it_the_hosts(state: str) -> None:
    """The setup constraint marks the task at once, whoever else it waits for."""
    assert blocked_of(setup_run(state)) == {("teardown", -1)}


@pytest.mark.parametrize("state", [None, "running", "success"])
def test_an_indirect_setup_that_may_still_be_well_changes_nothing(state: str | None) -> None:
    """Its task is blocked by its own upstream, before and after the setup has run."""
    assert {("second", -1), ("teardown", -1)} <= blocked_of(setup_run(state))


def test_a_direct_setup_is_a_matter_of_the_trigger_rule() -> None:
    """The setup constraint is about the others."""
    run = fan_in(("failed", None), trigger_rule="all_done")
    run.tasks[0] = TaskSpec("up0", ["end"], fields=SETUP)
    assert blocked_of(run) == {("end", -1)}


def test_a_teardown_has_no_setup_constraint() -> None:
    """A failed setup of others, somewhere above, does not act on it."""
    run = setup_run(None)
    run.tasks.append(TaskSpec("other", ["first"], fields=SETUP))
    run.rows["other", -1] = "failed"
    assert blocked_of(run) == {("teardown", -1)}


def test_a_skip_decision_above_makes_it_the_hosts() -> None:
    """A finished parent that may skip is enough, if no decisions were read; else one that holds a
    decision."""
    run = fan_in(("success", None))
    run.tasks[0] = TaskSpec("up0", ["end"], fields={"_can_skip_downstream": True})
    assert blocked_of(run) == set()
    assert blocked_of(run, decisions=["up0", "gone"]) == set()
    assert blocked_of(run, decisions=[]) == {("end", -1)}
    run.rows["up0", -1] = "running"
    assert blocked_of(run, decisions=["up0"]) == {("end", -1)}


def test_in_airflow_2_any_parent_may_skip() -> None:
    """Its documents do not say who may; without the decisions every finished parent counts."""
    run = fan_in(("success", None))
    assert blocked_of(run, "airflow2") == set()
    assert blocked_of(run, "airflow2", decisions=["up0"]) == set()
    assert blocked_of(run, "airflow2", decisions=[]) == {("end", -1)}
    assert blocked_of(run, "airflow3", decisions=["up0"]) == {("end", -1)}


def test_in_a_document_of_version_1_any_parent_may_skip() -> None:
    """Also beside Airflow 3: the document cannot tell that a parent may not."""
    run = fan_in(("success", None))
    old = document_of(run.tasks, "airflow2")
    assert old["__version"] == 1
    assert blocked_of(run, "airflow3", document=old) == set()
    assert blocked_of(run, "airflow3", document=old, decisions=[]) == {("end", -1)}
    assert blocked_of(run, "airflow3", document={**old, "__version": 2}) == {("end", -1)}


DEPS = "airflow.ti_deps.deps."


@pytest.mark.parametrize(
    ("deps", "is_blocked"),
    [
        ([DEPS + "trigger_rule_dep.TriggerRuleDep"], True),
        ([DEPS + "prev_dagrun_dep.PrevDagrunDep"], False),
        ([DEPS + "trigger_rule_dep.TriggerRuleDep", "my_plugin.MyDep"], False),
        ([], False),
        ("nonsense", False),
    ],
)
def test_a_task_that_brings_its_own_dependencies(deps: Any, is_blocked: bool) -> None:
    """Airflow 2: all of them must be ones that were examined, and the trigger rule must be among them."""
    run = fan_in((None,), deps=deps)
    assert (("end", -1) in blocked_of(run, "airflow2")) is is_blocked
    assert ("end", -1) in blocked_of(run, "airflow3")


def test_unreadable_dependencies_make_everything_the_hosts() -> None:
    """Without the cold part nobody knows what the tasks depend on, if that is where it is written."""
    run = fan_in((None,), deps=[DEPS + "trigger_rule_dep.TriggerRuleDep"])
    cold_deps = HotFields.choose(exclude=["task.deps"])
    dag = decode_dag(encode_dag(document_of(run.tasks, "airflow2"), hot_fields=cold_deps).hot)
    assert BlockedProof(dag, AIRFLOW_2).unprovable == {0, 1}
    assert not BlockedProof(dag, AIRFLOW_3).unprovable


def test_a_row_of_a_task_that_is_no_longer_mapped_is_the_hosts() -> None:
    """Its unexpanded row is still proven; as an upstream both its rows are the host's to count."""
    run = fan_in((None,))
    run.rows["end", 0] = None
    assert blocked_of(run) == {("end", -1)}
    run.rows["up0", 0] = None
    assert blocked_of(run) == set()


def test_an_expanded_upstream_counts_its_rows() -> None:
    """n is the number of rows once an upstream needs expansion: all must be done, in whatever state they
    are."""
    run = RunSpec([TaskSpec("up", ["end"], over=["value"] * 3), TaskSpec("end")])
    run.rows.update({("up", 0): "success", ("up", 1): "success", ("up", 2): None, ("end", -1): None})
    assert ("end", -1) in blocked_of(run)
    run.rows["up", 2] = "success"
    assert ("end", -1) not in blocked_of(run)
    run.rows["up", 2] = "failed"
    assert ("end", -1) not in blocked_of(run)


def test_rows_are_counted_only_where_an_upstream_is_expanded() -> None:
    """Beside such a task, one that shares a plain upstream with it still has as many upstreams as there are."""
    run = RunSpec([TaskSpec("up", ["end"], over=["value"]), TaskSpec("plain", ["end", "beside"])])
    run.tasks.extend([TaskSpec("end"), TaskSpec("beside")])
    run.rows.update({("up", 0): None, ("plain", -1): "success", ("end", -1): None, ("beside", -1): None})
    assert blocked_of(run) == {("end", -1)}


def test_an_expanded_upstream_may_hold_a_skip_decision() -> None:
    """One finished instance of it is enough."""
    run = RunSpec(
        [TaskSpec("up", ["end"], over=["value"], fields={"_can_skip_downstream": True}), TaskSpec("end")]
    )
    run.rows.update({("up", 0): "running", ("up", 1): None, ("end", -1): None})
    assert blocked_of(run, decisions=["up"]) == {("end", -1)}
    run.rows["up", 0] = "success"
    assert blocked_of(run, decisions=["up"]) == set()
    assert blocked_of(run) == set()
    assert blocked_of(run, decisions=[]) == {("end", -1)}


@pytest.mark.parametrize("change", ["cycle", "no groups", "flag"])
def test_a_document_that_contradicts_itself_is_the_hosts(change: str) -> None:
    """Setups in a cycle, an irregular tree of groups, a flag that says otherwise than the structure: no
    proof."""
    run = RunSpec([TaskSpec("a", ["b"], fields=SETUP), TaskSpec("b", ["c"]), TaskSpec("c")])
    run.rows.update({(task.task_id, -1): None for task in run.tasks})
    document = document_of(run.tasks)
    assert blocked_of(run, document=document) == {("b", -1), ("c", -1)}
    if change == "cycle":
        document["dag"]["tasks"][2]["__var"]["downstream_task_ids"] = ["b"]
    elif change == "no groups":
        del document["dag"]["task_group"]
    else:
        document["dag"]["tasks"][0]["__var"]["_needs_expansion"] = True
    assert blocked_of(run, document=document) == set()


def test_mapped_teardowns_and_nested_mapping_are_the_hosts() -> None:
    """Neither was examined, so neither is proven."""
    group = GroupSpec("group", ["value"])
    for mapped in (
        TaskSpec("end", over=["value"], fields=TEARDOWN),
        TaskSpec("group.end", group=group, fields=TEARDOWN),
        TaskSpec("group.end", group=group, over=["value"]),
    ):
        run = RunSpec([TaskSpec("up", [mapped.task_id]), mapped])
        run.rows.update({("up", -1): None, (mapped.task_id, -1): None})
        assert blocked_of(run) == set()
        plain = RunSpec([run.tasks[0], TaskSpec(mapped.task_id, group=mapped.group)], run.rows)
        assert blocked_of(plain) == {(mapped.task_id, -1)}

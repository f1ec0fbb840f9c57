"""Counters kept between loops say what counters made anew would say."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sched_cache.format import CompactDag, decode_dag, encode_dag
from sched_cache.scheduling import (
    AIRFLOW_2,
    AIRFLOW_3,
    BlockedProof,
    HostPass,
    HostRules,
    SlimTaskInstances,
    UpstreamCounts,
)
from sched_cache_airflow.certification.dag_document import TaskSpec, document_of
from sched_cache_airflow.certification.random_run import ACTIVE, FINISHED, RunSpec, random_run

STATES = (None, "up_for_retry", "up_for_reschedule", *ACTIVE, *FINISHED)


def dag_of(run: RunSpec) -> CompactDag:
    encoded = encode_dag(document_of(run.tasks))
    return decode_dag(encoded.hot, encoded.cold)


def rows_of(dag: CompactDag, run: RunSpec, random: Random | None = None) -> SlimTaskInstances:
    rows = [(*key, state) for key, state in run.rows.items()]
    if random is not None:
        random.shuffle(rows)  # the database promises no order
    return SlimTaskInstances.from_rows(dag, rows)


def answers(
    counts: UpstreamCounts, rows: SlimTaskInstances
) -> dict[HostPass, tuple[set[object], set[object]]]:
    return {
        host_pass: (
            {rows[row] for row in counts.blocked(host_pass)},
            {rows[row] for row in counts.ask_host(host_pass)},
        )
        for host_pass in HostPass
    }


def change(random: Random, run: RunSpec) -> None:
    """The changes between two loops: progress, a clear, a manual change, new and deleted rows."""
    for key in list(run.rows):
        if random.random() < 0.2:
            run.rows[key] = random.choice(STATES)
    if random.random() < 0.2 and run.rows:
        del run.rows[random.choice(list(run.rows))]
    if random.random() < 0.2:
        run.rows[random.choice(run.tasks).task_id, random.choice((-1, 0, 1, 2))] = random.choice(STATES)
    if random.random() < 0.1:
        run.rows["gone", -1] = random.choice(STATES)


@given(st.randoms(use_true_random=False), st.sampled_from([AIRFLOW_2, AIRFLOW_3]))
def test_corrected_counters_equal_counters_made_anew(random: Random, host: HostRules) -> None:
    """After any change between loops, the answers are those of a fresh start."""
    run = random_run(random, max_tasks=8)
    dag = dag_of(run)
    proof = BlockedProof(dag, host)
    kept = UpstreamCounts(proof)
    deciders = {task_id for task_id, _ in run.decisions}
    for _ in range(4):
        decisions = random.choice((None, deciders, {name for name in deciders if random.random() < 0.5}))
        kept_rows, fresh_rows = rows_of(dag, run, random), rows_of(dag, run, random)
        fresh = UpstreamCounts(proof)
        kept.update(kept_rows, decisions)
        fresh.update(fresh_rows, decisions)
        assert answers(kept, kept_rows) == answers(fresh, fresh_rows)
        change(random, run)


@given(st.randoms(use_true_random=False))
def test_every_row_of_a_pass_is_either_blocked_or_asked(random: Random) -> None:
    """There is no third answer, and rows that the pass does not look at get none."""
    run = random_run(random)
    dag = dag_of(run)
    rows = rows_of(dag, run)
    counts = UpstreamCounts(BlockedProof(dag, AIRFLOW_3))
    counts.update(rows)
    for host_pass, states in (
        (HostPass.READY, {None, "up_for_retry", "up_for_reschedule"}),
        (HostPass.PREMATURE, set(STATES) - set(FINISHED) | {"up_for_reschedule"}),
    ):
        looked_at = [row for row in range(len(rows)) if rows[row].state in states]
        blocked, asked = counts.blocked(host_pass), counts.ask_host(host_pass)
        assert sorted([*blocked, *asked]) == looked_at
        assert blocked == sorted(blocked) and asked == sorted(asked)


def chain(n_tasks: int) -> RunSpec:
    """t0 -> t1 -> ... with nothing done."""
    tasks = [TaskSpec(f"t{number}", [f"t{number + 1}"]) for number in range(n_tasks - 1)]
    tasks.append(TaskSpec(f"t{n_tasks - 1}"))
    return RunSpec(tasks, {(task.task_id, -1): None for task in tasks})


def test_update_says_how_much_changed() -> None:
    """All tasks at first, then those whose rows read otherwise, and none for the same rows in any order."""
    run = chain(5)
    dag = dag_of(run)
    counts = UpstreamCounts(BlockedProof(dag, AIRFLOW_3))
    assert counts.update(rows_of(dag, run)) == 5
    assert counts.update(rows_of(dag, run)) == 0
    assert counts.update(rows_of(dag, run, Random(1))) == 0
    run.rows["t0", -1] = "success"
    run.rows["t1", -1] = "running"  # unfinished as before: nothing to those below
    assert counts.update(rows_of(dag, run)) == 1
    rows = rows_of(dag, run)
    assert counts.update(rows) == 0
    assert [rows[row].task_id for row in counts.ask_host()] == []
    del run.rows["t4", -1]
    assert counts.update(rows_of(dag, run)) == 5


def test_a_cleared_task_blocks_again() -> None:
    """A task that is no longer finished no longer counts as finished."""
    run = chain(3)
    dag = dag_of(run)
    counts = UpstreamCounts(BlockedProof(dag, AIRFLOW_3))
    for state, n_asked in ((None, 1), ("success", 1), ("failed", 1), (None, 1), ("success", 1)):
        run.rows["t0", -1] = state
        rows = rows_of(dag, run)
        counts.update(rows)
        expected = "t0" if state is None else "t1"
        assert [rows[row].task_id for row in counts.ask_host()] == [expected] * n_asked


def test_a_new_skip_decision_is_a_change() -> None:
    """It may come after the state of the task that made it, without any row reading otherwise."""
    run = RunSpec(
        [TaskSpec("branch", ["end"], fields={"_can_skip_downstream": True}), TaskSpec("other", ["end"])]
    )
    run.tasks.append(TaskSpec("end"))
    run.rows.update({("branch", -1): "success", ("other", -1): "running", ("end", -1): None})
    dag = dag_of(run)
    counts = UpstreamCounts(BlockedProof(dag, AIRFLOW_3))
    for decisions, n_asked in ((set(), 0), ({"branch"}, 1), (set(), 0), (None, 1)):
        counts.update(rows_of(dag, run), decisions)
        assert len(counts.ask_host()) == n_asked


@pytest.mark.parametrize("host_pass", HostPass)
def test_a_reschedule_that_reaches_others_is_never_left_out(host_pass: HostPass) -> None:
    """The host has to meet it where it would: it decides differently about those that come after it."""
    run = chain(3)
    run.rows["t1", -1] = "up_for_reschedule"
    dag = dag_of(run)
    for reaches_others in (False, True):
        host = replace(AIRFLOW_3, reschedule_reaches_others=reaches_others)
        counts = UpstreamCounts(BlockedProof(dag, host))
        rows = rows_of(dag, run)
        counts.update(rows)
        asked = ["t0", "t1"] if reaches_others else ["t0"]
        assert [rows[row].task_id for row in counts.ask_host(host_pass)] == asked
        blocked = [row.task_id for row in rows if row.task_id not in asked]
        assert [rows[row].task_id for row in counts.blocked(host_pass)] == blocked


def test_rows_of_another_content_are_refused() -> None:
    """Task indices mean nothing beside another content; the same content decoded twice is no other."""
    run = chain(3)
    counts = UpstreamCounts(BlockedProof(dag_of(run), AIRFLOW_3))
    assert counts.update(rows_of(dag_of(run), run)) == 3
    with pytest.raises(ValueError, match="another content"):
        counts.update(rows_of(dag_of(chain(4)), run))


def test_it_cannot_answer_before_it_read_rows() -> None:
    """Rows come first; an answer from nothing would call everything ready to be asked."""
    counts = UpstreamCounts(BlockedProof(dag_of(chain(2)), AIRFLOW_3))
    with pytest.raises(ValueError, match="no rows"):
        counts.ask_host()
